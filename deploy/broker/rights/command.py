"""`histoire broker acl`: the rights of a table, applied to the broker or printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from deploy.broker.layout import read_cluster
from deploy.broker.rights.table import (
    PROCESSES,
    ListedSoftware,
    Right,
    RightsTableError,
    read_table,
    rights_of,
    users_of,
)
from deploy.broker.security import ADMIN, Security, new_password, security_of
from ingest.runtime.console import CommandError, Exit, note, out, print_json, progress
from ingest.runtime.folders import private_folder
from ingest.runtime.options import Json
from ingest.runtime.settings import Settings

if TYPE_CHECKING:
    from deploy.broker.rights.apply import Applied


def acl(
    table: Annotated[
        Path | None,
        typer.Argument(help='TOML: [software], then lines like "labo-nord" = ["laboratory"].'),
    ] = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print lines for kafka-acls.sh; change nothing.")
    ] = False,
    revoke_unlisted: Annotated[
        bool,
        typer.Option("--revoke-unlisted", help="Users not in the table lose rights and password."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Give every software and every process of this system its rights at the broker, no others.

    Kinds: laboratory, hospital, practice, imaging, pharmacy, medico-social, teleconsultation and
    insurance write `documents`; identity writes `patients`; each reads `outcomes`. One without
    kinds ([]) loses its rights. New users get a random password, in a file of its own below
    home/broker/security/passwords. The broker is that of HISTOIRE_KAFKA_*, whose user must be an
    administrator, else the local secured one. Topics are made by `histoire migrate`.

    Exit codes: 0 done; 2 the table is wrong; 4 the broker is away or refuses.
    """
    settings = Settings.load()
    software = _read(table)
    rights = rights_of(software, settings)
    # Imported here: a quarter of a second that every command would pay.
    from deploy.broker.rights.apply import apply_rights, command_lines
    from ingest.feed.kafka.connection import admin_client

    if only_print:
        for line in command_lines(rights, settings.kafka_bootstrap or "HOST:PORT"):
            typer.echo(line)
        return
    security, reached = _administrator(settings)
    keep = {ADMIN, reached.kafka_sasl_user or ADMIN}
    with progress("granting rights"), admin_client(reached, "acl") as admin:
        applied = apply_rights(
            admin,
            rights,
            users_of(software),
            lambda user: new_password(security, user),
            revoke_unlisted=revoke_unlisted,
            keep=keep,
        )
    if as_json:
        print_json(_described(rights, applied, security))
    else:
        _print(software, rights, applied, security, revoke_unlisted)


def _read(table: Path | None) -> list[ListedSoftware]:
    if table is None:
        return []
    try:
        return read_table(table.read_bytes())
    except OSError as error:
        raise CommandError(f"{table}: {error.strerror}", None, Exit.USAGE) from None
    except RightsTableError as error:
        example = '[software]\n"labo-nord" = ["laboratory"]'
        raise CommandError(f"{table}: {error}", f"For example:\n{example}", Exit.USAGE) from None


def _administrator(settings: Settings) -> tuple[Security, Settings]:
    """Where passwords are kept, and the settings to reach the broker with."""
    folder = private_folder(settings.home / "broker")
    if settings.kafka_bootstrap is not None:
        return Security(private_folder(folder / "security")), settings
    cluster = read_cluster(folder)
    security = None if cluster is None else security_of(folder, cluster)
    if cluster is None or security is None:
        raise CommandError(
            "there is no secured broker below home",
            "Start one with `histoire broker start --secure`, or set HISTOIRE_KAFKA_* to yours.",
            Exit.UNAVAILABLE,
        )
    return security, security.settings(settings, cluster)


def _described(rights: list[Right], applied: Applied, security: Security) -> dict[str, object]:
    return {
        "rights": [right._asdict() for right in rights],
        "granted": len(applied.granted),
        "revoked": applied.revoked,
        "users_made": {user: str(security.password_file(user)) for user in applied.users_made},
        "unlisted": applied.unlisted,
    }


def _print(
    software: list[ListedSoftware],
    rights: list[Right],
    applied: Applied,
    security: Security,
    revoked: bool,
) -> None:
    shown = Table("user", "kinds", "may")
    kinds = {one.user: ", ".join(one.kinds) or "none" for one in software}
    for user in users_of(software):
        may = ", ".join(f"{r.operation} {r.resource} {r.name}" for r in rights if r.user == user)
        shown.add_row(user, kinds.get(user, "process" if user in PROCESSES else ""), may or "-")
    out().print(shown)
    note(f"{len(applied.granted)} rights granted, {applied.revoked} taken away.")
    if applied.users_made:
        note(
            f"New users: {', '.join(applied.users_made)}. The password of each is in the file of"
            f" its name below {security.folder / 'passwords'}; hand it over, then delete the file."
        )
    if applied.unlisted:
        what = "were removed" if revoked else "were left alone (--revoke-unlisted removes them)"
        note(f"Users not in the table {what}: {', '.join(applied.unlisted)}")
