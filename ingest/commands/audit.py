"""`histoire audit`, `histoire positions`, `histoire document`."""

import getpass
import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ingest.eventstore import EventStore
from ingest.eventstore.tables.sources import AcceptedGap
from ingest.feed import topic_facts
from ingest.read.arrivals import partition_of_source
from ingest.read.offsets import OffsetNotAcceptable, PartitionOffsets, accept_offset, offsets_of
from ingest.runtime.console import CommandError, Exit, note, out, print_json, progress
from ingest.runtime.options import JsonLines
from ingest.runtime.settings import Settings
from ingest.upkeep.audit import Audit, AuditCheck, balance_checks, fetched
from ingest.upkeep.documents import read_document
from schemas.feed.messages import FEED_TOPICS
from schemas.forms.unique_id import unique_id_is_well_formed

from .errors import as_command_errors
from .given_reason import given_reason

TO_HELP = (
    "Offset to go on at; without it the nearest one the log holds, of a topic made anew its first."
)


def register_audit(app: typer.Typer, audits: Sequence[Audit]) -> None:
    """Add `audit`, `document` and `positions show|accept` to `app`."""
    _register_audit(app, audits)
    _register_document(app)
    _register_positions(app)


def _register_audit(app: typer.Typer, audits: Sequence[Audit]) -> None:
    @app.command()
    def audit(
        at_end: Annotated[
            bool,
            typer.Option("--at-end", help="Also require that nothing is on its way any more."),
        ] = False,
        as_json: JsonLines = False,
    ) -> None:
        """Prove the balance sheet from the feed's offsets to the events and timelines.

        fetched = accepted + duplicate + unchanged + rejected for every partition; events counted =
        events stored; every stream sound; a dead letter for every rejection. Names every gap that
        a person accepted, with the reason. May run beside ingestion and projections: its numbers
        are of one moment.

        Exit codes: 0 balances; 1 something does not; 2 not migrated; 4 the feed or the database is
        away.
        """
        settings = Settings.load()
        with as_command_errors(), EventStore.open(settings) as store, progress("audit"):
            moment = store.auditing.at_one_moment()
            facts = topic_facts(settings)
            positions, checks = balance_checks(moment, list(facts.values()), at_end=at_end)
            for further in audits:
                checks += further(settings, at_end=at_end)
            gaps = store.sources.gaps()
        failed = [check for check in checks if not check.holds]
        if as_json:
            _print_audit_json(positions, gaps, checks)
        else:
            _print_audit(positions, gaps, checks, failed)
        if failed:
            raise typer.Exit(Exit.FAILED)


def _print_audit_json(
    positions: Sequence[PartitionOffsets],
    gaps: Sequence[AcceptedGap],
    checks: Sequence[AuditCheck],
) -> None:
    for position in positions:
        print_json({"kind": "partition", **described(position)})
    for gap in gaps:
        said = asdict(gap)
        print_json({"kind": "gap", "partition": _name_of_source(said.pop("source")), **said})
    for check in checks:
        print_json(
            {
                "kind": "check",
                "name": check.name,
                "expected": check.expected,
                "found": check.found,
                "holds": check.holds,
            }
        )
    failed = sum(not check.holds for check in checks)
    print_json({"kind": "audit", "checks": len(checks), "failed": failed, "balances": not failed})


def _name_of_source(source: str) -> str:
    partition = partition_of_source(source)
    return f"{partition.topic}/{partition.number}"


def _print_audit(
    positions: Sequence[PartitionOffsets],
    gaps: Sequence[AcceptedGap],
    checks: Sequence[AuditCheck],
    failed: Sequence[AuditCheck],
) -> None:
    columns = ("fetched", "accepted", "duplicate", "unchanged", "rejected", "events", "lag")
    table = Table("partition", *columns)
    totals = dict.fromkeys(columns, 0)
    for position in positions:
        row = described(position)
        if not row["fetched"] and not row["lag"]:
            continue
        for column in columns:
            totals[column] += row[column] or 0
        table.add_row(row["partition"], *(f"{row[column] or 0:,}" for column in columns))
    table.add_section()
    table.add_row("all", *(f"{totals[column]:,}" for column in columns))
    console = out()
    console.print(table)
    for gap in gaps:
        console.print(
            f"accepted by {gap.accepted_by} at {gap.accepted_at:%Y-%m-%d %H:%M} UTC:"
            f" {_name_of_source(gap.source)} went on at {gap.to_offset:,} instead of"
            f" {gap.from_offset:,}: {gap.reason}",
            markup=False,
        )
    for check in checks:
        if not check.holds:
            console.print(f"does not hold: {check.name}: {check.expected:,}, found {check.found:,}")
    verdict = "balances" if not failed else f"DOES NOT BALANCE: {len(failed)} check(s) failed"
    console.print(f"{len(checks)} checks: {verdict}")


def described(position: PartitionOffsets) -> dict[str, Any]:
    """A partition with its line of the balance sheet, for people and programs."""
    stored = position.stored
    names = ("accepted", "duplicate", "unchanged", "rejected", "events", "holes")
    counts = asdict(stored) if stored is not None else {}
    return {
        "partition": f"{position.partition.topic}/{position.partition.number}",
        "log_start": position.log_start,
        "log_end": position.log_end,
        "first_offset": counts.get("first_offset"),
        "next_offset": counts.get("next_offset"),
        "lag": position.lag if stored is not None else position.log_end,
        "fetched": fetched(stored) if stored is not None else 0,
        **{name: counts.get(name, 0) for name in names},
    }


def _register_document(app: typer.Typer) -> None:
    @app.command()
    def document(
        unique_id: Annotated[
            str, typer.Argument(metavar="UID", help="uniqueId; - reads it from standard input.")
        ],
        output: Annotated[
            Path | None, typer.Option("--out", help="Write the bytes to this file.")
        ] = None,
        force: Annotated[
            bool, typer.Option("--force", help="Replace the file of --out if there is one.")
        ] = False,
    ) -> None:
        """Give back the bytes of a document, verified against the hash of its deposit.

        The file of --out is for its owner only (mode 600) and whole or not there.

        Exit codes: 0 given; 2 no uniqueId, or the file is there already; 4 the database is away; 5
        the bytes or their key are missing or wrong; 6 no such document, or none with bytes.
        """
        wanted = sys.stdin.readline().strip() if unique_id == "-" else unique_id
        if not unique_id_is_well_formed(wanted):
            raise CommandError("this is no uniqueId", "Give an OID, or root^extension.", Exit.USAGE)
        with as_command_errors(), EventStore.open(Settings.load()) as store:
            found = read_document(store, wanted)
        if output is not None:
            write_whole(output, found.data, replace=force)
            note(f"{len(found.data):,} bytes, sha256 {hashlib.sha256(found.data).hexdigest()}")
            return
        if sys.stdout.isatty():
            raise CommandError(
                "the bytes of a document do not belong on a terminal", "Use --out FILE.", Exit.USAGE
            )
        sys.stdout.buffer.write(found.data)
        sys.stdout.buffer.flush()


def write_whole(path: Path, data: bytes, *, replace: bool) -> None:
    """The file has these bytes, durably, readable by its owner only; a torn file never stands
    there.

    Raises CommandError when there is one already that is not to be replaced, OSError.
    """
    if path.exists() and not replace:
        raise CommandError(f"{path} is there already", "Add --force to replace it.", Exit.USAGE)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with open(handle, "wb") as file:  # mkstemp makes it for its owner only
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _register_positions(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="How far each partition of the feed was read.")
    app.add_typer(group, name="positions")

    @group.command()
    def show(as_json: JsonLines = False) -> None:
        """Show the position of every partition, and what does not fit the feed."""
        settings = Settings.load()
        with as_command_errors(), EventStore.open(settings) as store:
            positions = _positions(settings, store)
        if as_json:
            for position in positions:
                print_json({**described(position), "misfit": position.misfit})
            return
        table = Table("partition", "position", "log", "lag", "misfit")
        for position in positions:
            row = described(position)
            log = f"{row['log_start']} .. {row['log_end']}"
            at = "" if row["next_offset"] is None else str(row["next_offset"])
            table.add_row(row["partition"], at, log, str(row["lag"]), position.misfit or "")
        out().print(table)

    @group.command()
    def accept(
        partition: Annotated[str, typer.Argument(help="TOPIC/NUMBER, for example documents/3.")],
        reason: Annotated[str, typer.Option(help="Why; kept with the gap.")],
        to: Annotated[
            int | None,
            typer.Option("--to", min=0, metavar="OFFSET", help=TO_HELP),
        ] = None,
        yes: Annotated[bool, typer.Option("--yes", help="Really do it.")] = False,
    ) -> None:
        """Go on reading a partition that halted, at the offset of --to or the nearest there is.

        What is skipped counts as holes and is kept as a gap, with the reason. Without --yes only
        says what would be done. A running ingestion goes on within a minute.
        """
        settings = Settings.load()
        with as_command_errors(), EventStore.open(settings) as store:
            found = [
                p for p in _positions(settings, store) if described(p)["partition"] == partition
            ]
            if not found:
                raise CommandError(f"there is no partition {partition}", None, Exit.NOT_FOUND)
            _accept(store, found[0], given_reason(reason), to, yes)


def _accept(
    store: EventStore, position: PartitionOffsets, reason: str, to: int | None, yes: bool
) -> None:
    name = f"{position.partition.topic}/{position.partition.number}"
    if not yes:
        raise CommandError(
            f"{name}: {position.misfit or 'the position fits the log.'} Nothing was done",
            "Add --yes to go on all the same.",
            Exit.USAGE,
        )
    try:
        offset = accept_offset(store, position, reason=reason, by=getpass.getuser(), to=to)
    except OffsetNotAcceptable as error:
        raise CommandError(
            f"{name}: {error}", "See `histoire positions show`.", Exit.USAGE
        ) from None
    out().print(f"{name}: reading goes on at offset {offset}")


def _positions(settings: Settings, store: EventStore) -> list[PartitionOffsets]:
    facts = topic_facts(settings)
    feed = [fact for fact in facts.values() if fact.topic in FEED_TOPICS]
    return offsets_of(store.sources.all(), feed)
