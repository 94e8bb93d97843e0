"""`histoire registry list|show`: which software, services and companies the registry knows."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from ingest.eventstore import EventStore
from ingest.facts.registry import Kind, RegistryEntry, entry_stream
from ingest.runtime.console import CommandError, Exit, note, out, print_json
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.options import JsonLines
from ingest.runtime.settings import Settings
from ingest.upkeep.registry_listing import EntryKey, RegistryListing, history, told
from schemas.feed.registry import EntryKind
from schemas.forms.paris_days import PARIS, begin_ms, day_exists

from .errors import as_command_errors


class StateChoice(StrEnum):
    """A state of an entry."""

    ANNOUNCED = "announced"
    VALID = "valid"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


_NAME: Final = {Kind.SOFTWARE: "product", Kind.SERVICE: "name", Kind.COMPANY: "company"}
_NUMBER: Final = {
    Kind.SOFTWARE: "approval",
    Kind.SERVICE: "certificateNumber",
    Kind.COMPANY: "certificateNumber",
}
_COLOURS: Final = {"valid": "green", "announced": "cyan", "expired": "yellow", "withdrawn": "red"}
On = Annotated[
    str | None,
    typer.Option("--on", metavar="DAY", help="As of the begin of this day; now without it."),
]


def list_entries(
    kind: Annotated[EntryKind | None, typer.Option(help="Only this kind.")] = None,
    state: Annotated[StateChoice | None, typer.Option(help="Only in this state.")] = None,
    on: On = None,
    as_json: JsonLines = False,
) -> None:
    """List the entries of the registry with their state.

    Exit codes: 0 listed, also when there are none; 2 wrong arguments; 4 the database is away.
    """
    moment = _moment(on)
    with as_command_errors(), EventStore.open(Settings.load()) as store:
        listing = RegistryListing(store)
        listing.refresh()
    chosen = [
        (key, entry)
        for key, entry in sorted(listing.entries.items())
        if (kind is None or key.kind.name == kind.name)
        and (state is None or entry.state_at(moment) == state.value)
    ]
    if as_json:
        for key, entry in chosen:
            print_json(told(key, entry, moment))
    elif chosen:
        out().print(_table(chosen, moment))
    else:
        note("no such entry" if listing.entries else "the registry is empty: it refuses nobody")


def show_entry(
    name: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the entry.")],
    on: On = None,
    as_json: JsonLines = False,
) -> None:
    """Show an entry of the registry with all that was said of it.

    Exit codes: 0 shown; 2 wrong arguments; 4 the database is away; 6 there is none.
    """
    moment, found = _moment(on), list[dict[str, Any]]()
    with as_command_errors(), EventStore.open(Settings.load()) as store:
        listing = RegistryListing(store)
        listing.refresh()
        for kind in Kind:
            entry = listing.entries.get(EntryKey(kind, name))
            if entry is not None:
                events = list(history(store, entry_stream(kind, name)))
                found.append({**told(EntryKey(kind, name), entry, moment), "history": events})
    if not found:
        raise CommandError(
            "the registry has no such entry", "See `histoire registry list`.", Exit.NOT_FOUND
        )
    for facts in found:
        print_json(facts) if as_json else _show(facts)


def register_registry(app: typer.Typer) -> None:
    """Add the commands that read to the group `registry`."""
    app.command("list")(list_entries)
    app.command("show")(show_entry)


def _moment(day: str | None) -> int:
    if day is None:
        return int(SystemClock().now() * 1000)
    digits = day.replace("-", "")
    if not day_exists(digits):
        raise CommandError(f"{day} is no day", "Write YYYY-MM-DD.", Exit.USAGE)
    return begin_ms(digits)


def _table(chosen: list[tuple[EntryKey, RegistryEntry]], moment: int) -> Table:
    table = Table("kind", "id", "name", "number", "from", "before", "state")
    for key, entry in chosen:
        reference, last = entry.reference or {}, entry.periods[-1] if entry.periods else None
        state = entry.state_at(moment) or ""
        table.add_row(
            key.kind.name.lower(),
            key.id,
            str(reference.get(_NAME[key.kind]) or ""),
            str(reference.get(_NUMBER[key.kind]) or ""),
            "" if last is None else _day(last.begin),
            "" if last is None or last.end is None else _day(last.end),
            f"[{_COLOURS[state]}]{state}[/]" if state else "",
        )
    return table


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(PARIS).date().isoformat()


def _show(facts: dict[str, Any]) -> None:
    console = out()
    console.print(f"{facts['kind']} {facts['id']}: {facts['state']}", markup=False)
    for event in facts["history"]:
        words = (f"{k} {v}" for k, v in event.items() if k not in _UNSHOWN and v is not None)
        console.print(f"  {event['recordedAt']} {event['event']}: {', '.join(words)}", markup=False)


_UNSHOWN: Final = frozenset({"recordedAt", "event", "id", "source"})
