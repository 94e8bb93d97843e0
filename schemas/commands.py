"""The command `histoire cda`, and the commands about schemas; they need no server, no settings."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.progress import track

from schemas.cda.card import card

from .cda import MAX_BYTES, CdaDocument, CdaUnreadable, read_cda
from .versions import command as schema_commands

REFUSED: Final = 1


def register(app: typer.Typer) -> None:
    """Add the commands of this package to the application."""
    app.command("cda")(cda)
    schema_commands.register(app)


def cda(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="CDA R2 files: N1, N3 or self-presentable.",
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line and file, on standard output.")
    ] = False,
) -> None:
    """Read CDA files and print the metadata a deposit needs, with what is wrong in them.

    With --json a refused file is the object {file, refused: {code, detail}}. The output holds the
    patient's identity, as the file does.

    Exit codes: 0 all files read, 1 at least one refused, 2 usage.
    """
    refused = 0
    console = Console()
    for name, found in _read_all(files):
        if isinstance(found, CdaUnreadable):
            refused += 1
            typer.echo(f"{name} is refused ({found.code}). {found.detail}", err=True)
        if json:
            typer.echo(orjson.dumps(_as_json(name, found)))
        elif isinstance(found, CdaDocument):
            console.print(card(found))
    if refused:
        raise typer.Exit(REFUSED)


def _read_all(files: list[Path]) -> Iterator[tuple[str, CdaDocument | CdaUnreadable]]:
    for path in _with_progress(files):
        name = os.fsencode(path.name).decode("utf-8", "replace")
        yield name, _read(path, name)


def _with_progress(files: list[Path]) -> Iterable[Path]:
    """The files, with a bar on standard error unless the output scrolls on the same terminal."""
    console = Console(stderr=True)
    shown = console.is_terminal and not sys.stdout.isatty()
    return track(files, "Reading", console=console, transient=True, disable=not shown)


def _read(path: Path, name: str) -> CdaDocument | CdaUnreadable:
    """The document of this file. No more bytes are read than a document may have."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return CdaUnreadable("unreadable", f"The file cannot be read: {error.strerror}.")
    return read_cda(data, file=name)


def _as_json(name: str, found: CdaDocument | CdaUnreadable) -> dict[str, object]:
    if isinstance(found, CdaDocument):
        return found.as_json()
    return {"file": name, "refused": {"code": found.code, "detail": found.detail}}
