"""`histoire simulate`: synthetic practice onto the feed, or real documents into a folder."""

from __future__ import annotations

from typing import Final

import typer

from ingest.runtime.console import CommandError, Exit, note
from ingest.runtime.options import Json
from producers.simulator.faults.rates import FaultError, FaultRates, parse_faults
from producers.simulator.options import (
    DOCUMENTS,
    PATIENTS,
    SCALE,
    Day,
    Documents,
    Faults,
    Folder,
    LedgerFile,
    MetadataOnly,
    Patients,
    Rate,
    ReferenceOnly,
    Scale,
    Sectors,
    Seed,
    Speed,
)
from producers.simulator.plan.plan import Run
from producers.simulator.plan.sending_times import NationalDay
from producers.simulator.run.pacing import AsPlanned, pace_of
from producers.simulator.run_command import (
    interrupted,
    publish_run,
    reference_run,
    show_summary,
    write_run,
)
from producers.simulator.tables.rows import TOGETHER, TableError
from producers.simulator.tables.sectors import all_sectors, read_sector

ALL: Final = "all"
SPEED: Final = 1.0
_DOCUMENTS_SHARE: Final = 1 / 1.06
"""Deposits among the messages of a day: operations and messages on records come on top."""
_DOCUMENTS_PER_PATIENT: Final = 3


def simulate(
    sector: Sectors = None,
    patients: Patients = None,
    documents: Documents = None,
    rate: Rate = 0.0,
    day: Day = False,
    scale: Scale = None,
    speed: Speed = None,
    seed: Seed = 1,
    faults: Faults = None,
    metadata_only: MetadataOnly = False,
    cda: Folder = None,
    reference: ReferenceOnly = False,
    ledger: LedgerFile = None,
    as_json: Json = False,
) -> None:
    """Publish a synthetic practice: test persons, three years of acts, 5 % life-cycle operations.

    Every organisation has software of its own; several of them feed the record of one patient.

    Exit codes: 0 all sent and answered as foreseen; 1 some messages are unanswered or were refused
    though no fault was put in; 2 wrong arguments; 4 the feed is away or refuses this
    user; 5 a topic does not exist; 130 interrupted.
    """
    _check_day(day, documents is not None or rate > 0, scale is not None or speed is not None)
    names = sector or (ALL if day else ",".join(TOGETHER))
    nation = NationalDay() if day else None
    if nation is not None:
        documents = round(nation.messages * (scale or SCALE) * _DOCUMENTS_SHARE)
        patients = patients or max(1, documents // _DOCUMENTS_PER_PATIENT)
    run = _run(seed, names, patients or PATIENTS, documents, nation)
    pace = pace_of(rate) if nation is None else AsPlanned(nation.start, speed or SPEED)
    rates = _rates(faults)
    if reference:
        reference_run(run, ledger, as_json)
        return
    if cda is not None:
        if faults or ledger or metadata_only:
            note("files only: --faults, --ledger and --metadata-only have no effect with --cda")
        write_run(run, cda, as_json)
        return
    summary = publish_run(run, rates, ledger, pace, content=not metadata_only)
    show_summary(summary, as_json)
    if summary.interrupted:
        raise interrupted(f"{summary.sent} of about {run.expected_messages} messages were sent")
    foreseen = summary.by_fault.get("oversize_refused", 0)
    if summary.unanswered or summary.refused > foreseen:
        raise CommandError(
            f"{summary.unanswered} messages are unanswered and {summary.refused} were refused",
            "The ledger says which ones; sending the same seed again is harmless.",
        )


def _check_day(day: bool, of_other_runs: bool, of_days: bool) -> None:
    if day and of_other_runs:
        raise CommandError(
            "--day says how many documents there are and when: --documents and --rate do not fit",
            "Use --scale and --speed.",
            code=Exit.USAGE,
        )
    if of_days and not day:
        raise CommandError(
            "--scale and --speed are of a national day and do nothing without --day",
            "Add --day, or use --documents and --rate.",
            code=Exit.USAGE,
        )


def _run(
    seed: int, sector: str, patients: int, documents: int | None, day: NationalDay | None
) -> Run:
    names = all_sectors() if sector.strip() == ALL else _listed(sector)
    try:
        if not names:
            raise TableError(f"no sector named: there are {', '.join(all_sectors())}")
        run = Run(
            seed,
            tuple(map(read_sector, names)),
            patients,
            DOCUMENTS if documents is None else documents,
            calendar=day,
            settled=day is not None,
        )
        run.population()
    except ValueError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
    return run


def _listed(sector: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in sector.split(",") if name.strip()))


def _rates(text: str | None) -> FaultRates:
    try:
        return parse_faults(text)
    except FaultError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None


def register_simulate(app: typer.Typer) -> None:
    """Add `simulate` to the application."""
    app.command("simulate")(simulate)
