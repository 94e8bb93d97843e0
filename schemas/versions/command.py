"""The commands `histoire schemas list | show | check`."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.table import Table

from schemas.feed.messages import NOTIFICATIONS, OUTCOMES, TOPIC_OF

from .catalogue import Schema, SchemaCatalogue, SchemaError, schema_catalogue
from .evolution import Incompatibility, check_folder

UNFIT: Final = 1
NOT_FOUND: Final = 6

_TOPICS: Final[Mapping[str, str]] = {
    **TOPIC_OF,
    "Outcome": OUTCOMES,
    "Notification": NOTIFICATIONS,
}

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line on standard output.")]


def register(app: typer.Typer) -> None:
    """Add `schemas list | show | check` to the application."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_schemas)
    group.command("show")(show)
    group.command("check")(check)
    app.add_typer(
        group, name="schemas", help="The Avro schemas: what messages and events look like."
    )


def list_schemas(json: Json = False) -> None:
    """List every version of every schema: topic, fingerprint and what it is.

    The fingerprint is the CRC-64-AVRO as 16 hexadecimal digits in the order of the bytes on the
    wire, after C3 01. Records without a topic are stored only.

    Exit code: 0.
    """
    schemas = schema_catalogue().all()
    if json:
        for schema in schemas:
            typer.echo(orjson.dumps(_row(schema)))
        return
    table = Table("name", "version", "topic", "fingerprint", "doc", box=None, pad_edge=False)
    for schema in schemas:
        row = _row(schema)
        table.add_row(*(str(value or "-") for value in row.values()))
    Console(highlight=False, emoji=False).print(table)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the record.")],
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Version; the newest without it.")
    ] = None,
) -> None:
    """Print the schema file of a record, for a program in any language.

    Exit codes: 0 printed, 6 there is no such schema.
    """
    schemas = schema_catalogue()
    try:
        found = schemas.newest(name) if version is None else schemas.get(name, version)
    except KeyError:
        typer.echo(f"error: {_no_such(schemas, name)} See `histoire schemas list`.", err=True)
        raise typer.Exit(NOT_FOUND) from None
    typer.echo(found.text, nl=not found.text.endswith("\n"))


def check(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            exists=True,
            file_okay=False,
            help="Folder of <Record>.<version>.avsc files; without it, the schemas in use.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check that every schema is documented, safe to read, and readable by every newer version.

    Exit codes: 0 fit for use, 1 not, with the field and the reason of each problem, 2 usage.
    """
    problems = _problems_in_use() if folder is None else _problems_of(folder)
    for problem in problems:
        if json:
            row = {"file": problem.file, "field": problem.field, "reason": problem.reason}
            typer.echo(orjson.dumps(row))
        else:
            typer.echo(problem.sentence)
    if problems:
        if not json:
            typer.echo(f"error: {len(problems)} problem(s): not fit for use.", err=True)
        raise typer.Exit(UNFIT)
    if not json:
        number = sum(1 for _ in _schema_files(folder))
        typer.echo(f"{number} schemas fit: each can be read by every newer version of it.")


def _schema_files(folder: Path | None) -> Iterator[object]:
    if folder is not None:
        return folder.rglob("*.avsc")
    return iter(schema_catalogue().all())


def _no_such(schemas: SchemaCatalogue, name: str) -> str:
    versions = [schema.version for schema in schemas.all() if schema.name == name]
    if not versions:
        return "There is no such schema."
    if len(versions) == 1:
        return f"{name} has version {versions[0]} only."
    return f"{name} has versions {min(versions)} to {max(versions)}."


def _problems_of(folder: Path) -> list[Incompatibility]:
    if next(folder.rglob("*.avsc"), None) is None:
        return [Incompatibility(folder.name, "", "there is no schema file in this folder")]
    return check_folder(folder)


def _problems_in_use() -> list[Incompatibility]:
    """The problems of the schemas in use, with those of the steps between versions."""
    folder = files("schemas.avro")
    problems = check_folder(folder)
    if not problems:
        try:
            SchemaCatalogue.load(folder)
        except SchemaError as error:
            return [Incompatibility(error.file, error.field, error.reason)]
    return problems


def _row(schema: Schema) -> dict[str, str | int | None]:
    return {
        "name": schema.name,
        "version": schema.version,
        "topic": _TOPICS.get(schema.name),
        "fingerprint": schema.fingerprint.hex(),
        "doc": schema.doc,
    }
