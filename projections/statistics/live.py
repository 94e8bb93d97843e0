"""The projection `statistics`: the national figures.

Documents are counted per sector (healthcareFacilityTypeCode), type and month of the act as written.
Every version of a document counts as fed; documents neither replaced nor deleted count as current.
Archived and hidden documents count, since figures name nobody. Technical documents do not count
(TRAP 25). A record counts as opened, activated and fed for ever, as closed and opposed while it is.

Figures stay exact under erasure. The contribution of each document and record is kept and is
subtracted at its erasure; a rebuild therefore equals the live figures. Linked records count as two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg

from ingest.eventstore import RecordedEvent
from projections.projection import Comparison, EventLog
from schemas import events as names
from schemas.policy.may_see import is_technical

from .tables import CellKey, Contribution, Fate, RecordFigure, StatisticsTables

Cursor = psycopg.Cursor[Any]

_ON: Final = {
    names.RECORD_OPENED: RecordFigure.OPENED,
    names.RECORD_ACTIVATED: RecordFigure.ACTIVATED,
    names.RECORD_CLOSED: RecordFigure.CLOSED,
    names.RECORD_OPPOSED: RecordFigure.OPPOSED,
}
_OFF: Final = {
    names.RECORD_OPENED: RecordFigure.CLOSED,
    names.OPPOSITION_WITHDRAWN: RecordFigure.OPPOSED,
}
_FATES: Final = {names.DOCUMENT_REPLACED: Fate.REPLACED, names.DOCUMENT_DELETED: Fate.DELETED}
TAKES: Final = frozenset({names.DOCUMENT_SUBMITTED, *_FATES, *_ON, *_OFF})


class Statistics:
    """The projection `statistics`; see the module."""

    name: Final = "statistics"
    version: Final = 1
    takes: Final = TAKES
    rebuildable: Final = True

    def tables(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return StatisticsTables(build).tables()

    def indexes(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return StatisticsTables(build).indexes()

    def table_names(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return StatisticsTables(build).names

    def compare(self, cursor: Cursor, old: int, new: int) -> Comparison:
        """Figure by figure."""
        return compare_figures(cursor, StatisticsTables(old), StatisticsTables(new))

    def forget(
        self, cursor: Cursor, build: int, log: EventLog, records: Iterable[int], upto: int
    ) -> None:
        """See `Projection`. The contributions of these records are subtracted."""
        StatisticsTables(build).forget(cursor, sorted(records))

    def apply(
        self, cursor: Cursor, build: int, log: EventLog, events: Sequence[RecordedEvent]
    ) -> None:
        """See `Projection`."""
        tables = StatisticsTables(build)
        erased = {event.record for event in events if event.erased}
        if erased:
            tables.forget(cursor, sorted(erased))
        legible = [event for event in events if event.record not in erased]
        if legible:
            _count_documents(cursor, tables, legible)
            _count_records(cursor, tables, legible)


def _count_documents(
    cursor: Cursor, tables: StatisticsTables, events: Sequence[RecordedEvent]
) -> None:
    touched = {e.stream for e in events if e.name in _FATES or e.name == names.DOCUMENT_SUBMITTED}
    known = tables.contributions(cursor, touched)
    fresh = [e for e in events if counts(e) and e.stream not in known]
    cell_of = {event.stream: cell_key(event) for event in fresh}
    numbers = tables.cells(cursor, cell_of.values()) if cell_of else {}
    deltas: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    new: dict[bytes, Contribution] = {}
    changed: dict[bytes, Contribution] = {}
    for event in fresh:
        number = numbers[cell_of[event.stream]]
        new[event.stream] = Contribution(event.record, number)
        deltas[number][0] += 1
        deltas[number][3] += 1
    for event in events:
        fate = _FATES.get(event.name)
        given = new.get(event.stream) or known.get(event.stream)
        if fate is None or given is None or given.fate & fate:
            continue  # technical documents contribute nothing
        delta = deltas[given.cell]
        delta[1 if fate is Fate.REPLACED else 2] += 1
        delta[3] -= not given.fate
        given.fate |= fate
        if event.stream in known:
            changed[event.stream] = given
    tables.write_documents(cursor, new, changed)
    tables.add_to_cells(cursor, deltas)


def _count_records(
    cursor: Cursor, tables: StatisticsTables, events: Sequence[RecordedEvent]
) -> None:
    known = tables.figures(cursor, {event.record for event in events})
    figures = dict(known)
    for event in events:
        on = _ON.get(event.name, 0)
        if counts(event):
            on = RecordFigure.FED
        now = (figures.get(event.record, 0) & ~_OFF.get(event.name, 0)) | on
        if now or event.record in figures:
            figures[event.record] = now
    deltas: dict[int, int] = defaultdict(int)
    for record, now in figures.items():
        for figure in RecordFigure:
            deltas[figure] += bool(now & figure) - bool(known.get(record, 0) & figure)
    tables.write_records(cursor, figures, known)
    tables.add_to_totals(cursor, {figure: by for figure, by in deltas.items() if by})


def counts(event: RecordedEvent) -> bool:
    """True for the deposit of a document that is not technical."""
    return event.name == names.DOCUMENT_SUBMITTED and not is_technical(
        event.datum["document"]["typeCode"]
    )


def cell_key(event: RecordedEvent) -> CellKey:
    """Sector, type and month of the act (YYYY-MM; YYYY when the act has no month)."""
    document = event.datum["document"]
    act = document["serviceStartTime"]
    month = f"{act[:4]}-{act[4:6]}" if act[4:6].isdigit() else act[:4]
    return document["healthcareFacilityTypeCode"], document["typeCode"], month


def compare_figures(cursor: Cursor, old: StatisticsTables, new: StatisticsTables) -> Comparison:
    """Compares figure by figure. A figure of zero equals an absent one."""

    def figures_of(tables: StatisticsTables) -> str:
        return (
            "select sector || '/' || type_code || '/' || month as figure,"
            " concat_ws('/', fed, replaced, deleted, current) as value"
            f" from {tables.cell} where fed <> 0 union all"
            f" select 'records ' || figure, records::text from {tables.total} where records <> 0"
        )

    row = cursor.execute(
        f"with one as ({figures_of(old)}), two as ({figures_of(new)}), figures as (select figure,"
        " one.value is distinct from two.value as differs from one full join two using (figure))"
        " select count(*), count(*) filter (where differs), array(select figure from figures"
        " where differs order by figure limit 20) from figures".encode()
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return Comparison(row[0], row[1], list(row[2]))
