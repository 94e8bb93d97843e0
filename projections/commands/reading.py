"""The commands that show a person's documents and accesses: `histoire timeline | accesses`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import psycopg
import typer

from ingest.eventstore.keys.find_record import find_record
from ingest.runtime.console import CommandError, Exit, out, print_json
from ingest.runtime.options import Ins, JsonLines, read_ins
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections.commands.reader_option import named_reader, reader_named, reading_rules
from projections.timeline.accesses import accesses_of
from projections.timeline.accesses_display import as_json as access_as_json
from projections.timeline.accesses_display import print_accesses
from projections.timeline.display import as_json, print_timeline
from projections.timeline.query import timeline_of
from schemas.forms.identity import ins_key
from schemas.policy.may_see import Reader

from .errors import as_command_errors

T = TypeVar("T")


def register_reading(app: typer.Typer) -> None:
    """Add `timeline` and `accesses` to `app`."""
    app.command()(timeline)
    app.command()(accesses)


def timeline(
    ins: Ins,
    reader: Annotated[
        str,
        typer.Option(
            help="patient, representative, professional, regulation, or a WORD:ROOT^EXTENSION with"
            " professional, author, secret, break-glass or regulation; @ORGANISATION and /ROLE may"
            " follow."
        ),
    ] = "patient",
    archived: Annotated[
        bool, typer.Option("--archived", help="Show the archived documents too, apart.")
    ] = False,
    json: JsonLines = False,
) -> None:
    """Show a person's timeline as one reader may see it, by day of the act, newest first.

    What the reader may not see is absent, from counts too. `professional:ID` has the rights the
    patient gave this professional or his organisation: an authorisation until its end, none once
    one of them is blocked; without any he sees his own documents only. ROLE is his profession (code
    of J65), which a habilitation matrix asks for. `break-glass:ID` reads without authorisation for
    24 hours after such an access with its motive was recorded; `secret:ID` is a secret connection;
    `regulation` a regulation centre. `professional` alone, and `author:ID`, is one whom the patient
    authorised. Looking records no access: the software that shows documents sends that.

    Exit codes: 0 shown; 2 not an INS, a real one on the command line, or not migrated; 6 no such
    record.
    """
    settings = Settings.load()
    now = datetime.fromtimestamp(time.time(), UTC)
    as_reader = reader_named(reader, reading_rules(settings, now))
    seen = _of_record(settings, ins, lambda conn, record: timeline_of(conn, record, as_reader, now))
    if json:
        print_json(as_json(seen, reader, now, archived=archived))
    else:
        print_timeline(out(), seen, archived=archived)


def accesses(
    ins: Ins,
    reader: Annotated[str, typer.Option(help="patient or representative.")] = "patient",
    limit: Annotated[int, typer.Option(min=1, help="Only the newest N accesses.")] = 100,
    json: JsonLines = False,
) -> None:
    """Show who may read a person's documents and until when, who is blocked, and who did read.

    Secret accesses are shown to the patient alone, and nothing to a representative once the person
    is of age. A document that the reader may not see is not named.

    Exit codes: 0 shown; 2 not an INS, a real one on the command line, or not migrated; 6 no such
    record.
    """
    settings = Settings.load()
    now = datetime.fromtimestamp(time.time(), UTC)
    if reader not in ("patient", "representative"):
        raise CommandError(
            "accesses are shown to the patient and to representatives",
            "Give patient or representative.",
            Exit.USAGE,
        )
    who = Reader(named_reader(reader).kind)
    seen = _of_record(
        settings, ins, lambda conn, record: accesses_of(conn, record, who, now, limit)
    )
    if json:
        print_json(access_as_json(seen, reader, now))
    else:
        print_accesses(out(), seen)


def _of_record(
    settings: Settings,
    ins: str,
    read: Callable[[psycopg.Connection[tuple[object, ...]], int], T],
) -> T:
    identity = ins_key(*read_ins(ins))
    with as_command_errors():
        record = find_record(settings, identity)
        if record is None:
            raise CommandError("there is no record for this INS", code=Exit.NOT_FOUND)
        with connect(store_dsn(settings), application_name="histoire-timeline") as conn:
            return read(conn, record)
