"""The commands `histoire habilitation check | show`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ingest.runtime.console import CommandError, Exit, err, note, out, print_json
from ingest.runtime.habilitation import configured_matrix
from ingest.runtime.options import JsonLines
from ingest.runtime.settings import Settings, variable
from schemas.policy.habilitation import HabilitationError, Matrix, Rights, read_matrix
from schemas.policy.may_see import PARIS
from schemas.valuesets import SUBJECT_ROLES, TYPE_CODES, type_label

File = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A habilitation matrix.")
]


def register_habilitation(app: typer.Typer) -> None:
    """Add `habilitation check | show` to `app`."""
    group = typer.Typer(no_args_is_help=True)
    group.command("check")(check)
    group.command("show")(show)
    app.add_typer(
        group,
        name="habilitation",
        help="The habilitation matrix: what each profession may read and feed.",
    )


def check(file: File, json: JsonLines = False) -> None:
    """Say whether a file is a habilitation matrix, and every fault of it with its line.

    Tab-separated columns valid_from, role (J65), documents (a typeCode, class:CODE or *) and rights
    (read, feed, read+feed, none). With `--json` one object per version or fault.

    Exit codes: 0 it is one; 1 it is not; 2 no such file.
    """
    try:
        matrix = read_matrix(file)
    except HabilitationError as error:
        for problem in error.problems:
            print_json({"problem": problem}) if json else err(problem)
        raise typer.Exit(Exit.FAILED) from None
    if json:
        for line in _versions(matrix):
            print_json(line)
        return
    for line in _versions(matrix):
        out().print(f"from {line['validFrom']}: {line['roles']} professions")
    if matrix.made_up:
        note("It says that it is made up: production refuses it.")


def show(
    on: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day, in Paris. Default: today.")
    ] = None,
    role: Annotated[str | None, typer.Option(help="Only this profession, code of J65.")] = None,
    json: JsonLines = False,
) -> None:
    """Print the matrix in force on a day: per profession, how many types it may read and feed.

    With a role, or `--json`, type by type. What is not shown is refused.

    Exit codes: 0 shown; 2 a wrong day, role or matrix; 6 none is configured or none holds that day.
    """
    matrix = configured_matrix(Settings.load())
    if matrix is None:
        raise CommandError(
            "no habilitation matrix is configured, so no profession is restricted",
            f"Set {variable('habilitation_file')} to its file.",
            Exit.NOT_FOUND,
        )
    if role is not None and role not in SUBJECT_ROLES:
        raise CommandError("the role is no profession of J65", code=Exit.USAGE)
    day = _day(on)
    version = matrix.on(day)
    if version is None:
        raise CommandError(f"no version holds on {day}: everything is refused", code=Exit.NOT_FOUND)
    chosen = {r: rights for r, rights in version.rights.items() if role in (None, r)}
    if json:
        for code, rights in sorted(chosen.items()):
            for line in _types(code, rights):
                print_json({"validFrom": version.valid_from, **line})
        return
    note(f"in force on {day}: the version of {version.valid_from}")
    out().print(_table(chosen) if role is None else _table_of_types(role, chosen))


def _day(text: str | None) -> date:
    if text is None:
        return datetime.fromtimestamp(time.time(), UTC).astimezone(PARIS).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError("--on is no day", "Give YYYY-MM-DD.", Exit.USAGE) from None


def _versions(matrix: Matrix) -> Iterator[dict[str, Any]]:
    for version in matrix.versions:
        rights = version.rights.values()
        yield {
            "validFrom": version.valid_from,
            "madeUp": matrix.made_up,
            "roles": len(version.rights),
            "read": Counter[str](code for each in rights for code in each.read).total(),
            "feed": Counter[str](code for each in rights for code in each.feed).total(),
        }


def _types(role: str, rights: Rights) -> Iterator[dict[str, Any]]:
    for code in sorted(rights.read | rights.feed):
        yield {
            "role": role,
            "typeCode": code,
            "read": code in rights.read,
            "feed": code in rights.feed,
        }


def _table(roles: dict[str, Rights]) -> Table:
    table = Table("role", "profession", "reads", "feeds")
    for code, rights in sorted(roles.items()):
        label = SUBJECT_ROLES[code].label
        table.add_row(code, label, str(len(rights.read)), str(len(rights.feed)))
    table.caption = f"of {len(TYPE_CODES)} types"
    return table


def _table_of_types(role: str, roles: dict[str, Rights]) -> Table:
    table = Table("type", "label", "reads", "feeds")
    for line in _types(role, roles.get(role, Rights())):
        code = line["typeCode"]
        answers = ("yes" if line[name] else "" for name in ("read", "feed"))
        table.add_row(code, type_label(code) or "", *answers)
    return table
