"""`histoire simulate`: synthetic practice onto the feed, or real documents into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from ingest.feed import check_topics, open_publisher
from ingest.runtime.console import CommandError, Exit, note, out, print_json, progress
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.options import Json
from ingest.runtime.settings import Settings
from producers.simulator.faults.rates import FAULTS, NO_FAULTS, FaultError, FaultRates, parse_faults
from producers.simulator.plan.plan import Run
from producers.simulator.plan.sending_times import NationalDay
from producers.simulator.run.ledger import Ledger
from producers.simulator.run.pacing import AsPlanned, Pace, pace_of
from producers.simulator.run.references import references
from producers.simulator.run.simulation import (
    Sender,
    Summary,
    messages_of,
    publish_references,
    write_documents,
)
from producers.simulator.tables.rows import TOGETHER, TableError
from producers.simulator.tables.tables import all_sectors, read_sector
from schemas.feed.messages import DOCUMENTS as DOCUMENT_TOPIC
from schemas.feed.messages import PATIENTS as PATIENT_TOPIC
from schemas.feed.messages import REGISTRY

CLIENT: Final = "histoire-simulate"
_FAULT_HELP: Final = (
    "Faults put in on purpose: a share for all together (0.01) or name=share,... with "
    + "; ".join(f"{name}: {words}" for name, words in FAULTS.items())
    + "."
)
ALL: Final = "all"
DOCUMENTS: Final = 2000
PATIENTS: Final = 1000
SCALE: Final = 0.01
SPEED: Final = 1.0
_DOCUMENTS_SHARE: Final = 1 / 1.06
"""Deposits among the messages of a day: operations and messages on records come on top."""
_DOCUMENTS_PER_PATIENT: Final = 3


SectorsOption = Annotated[
    str | None,
    typer.Option(
        help="Sectors, comma-separated, or all: "
        + ", ".join(all_sectors())
        + f". Without it {','.join(TOGETHER)}; all with --day.",
        show_default=False,
    ),
]
PatientsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="How many test persons (Zipf: a few have many documents). Without it "
        f"{PATIENTS}; a third of the documents with --day.",
        show_default=False,
    ),
]
DocumentsOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        help=f"How many deposits, replacing ones included; {DOCUMENTS} without it.",
        show_default=False,
    ),
]
RateOption = Annotated[float, typer.Option(min=0, help="Messages a second; 0: at full speed.")]
DayOption = Annotated[
    bool,
    typer.Option(
        "--day",
        help="Publish one national working day at its moments: 320 messages a second from 10 to "
        "11, 9.5 on the mean of the other hours, times --scale, at --speed.",
    ),
]
ScaleOption = Annotated[
    float | None,
    typer.Option(
        min=0.000001,
        help=f"With --day: this share of the nation; {SCALE} without it.",
        show_default=False,
    ),
]
SpeedOption = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        help="With --day: so many times as fast; 60 is a day in 24 min, 1 without it.",
        show_default=False,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(help="Same seed, same bytes, on every machine; also the same message ids."),
]
FaultsOption = Annotated[str | None, typer.Option(help=_FAULT_HELP)]
MetadataOnlyOption = Annotated[
    bool,
    typer.Option(
        "--metadata-only",
        help="Deposits without bytes, with made-up hashes: use another seed than with bytes.",
    ),
]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        help="Write the documents as files into this folder (CDA; references to images as "
        "DICOM) and publish nothing.",
        file_okay=False,
    ),
]
LedgerOption = Annotated[
    Path | None,
    typer.Option(
        help="Append intents and acknowledgements to this file (JSON lines).", dir_okay=False
    ),
]
ReferenceOption = Annotated[
    bool,
    typer.Option(
        "--reference",
        help="Publish only what references the software and companies of this run (topic registry);"
        " ingest it before the run itself, since no order holds between topics.",
    ),
]


def simulate(
    sector: SectorsOption = None,
    patients: PatientsOption = None,
    documents: DocumentsOption = None,
    rate: RateOption = 0.0,
    day: DayOption = False,
    scale: ScaleOption = None,
    speed: SpeedOption = None,
    seed: SeedOption = 1,
    faults: FaultsOption = None,
    metadata_only: MetadataOnlyOption = False,
    cda: FolderOption = None,
    reference: ReferenceOption = False,
    ledger: LedgerOption = None,
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
        _reference(run, ledger, as_json)
        return
    if cda is not None:
        if faults or ledger or metadata_only:
            note("files only: --faults, --ledger and --metadata-only have no effect with --cda")
        _write(run, cda, as_json)
        return
    summary = _publish(run, rates, ledger, pace, content=not metadata_only)
    _report(summary, as_json)
    if summary.interrupted:
        raise _interrupted(f"{summary.sent} of about {run.expected_messages} messages were sent")
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


def _interrupted(what: str) -> CommandError:
    return CommandError(
        f"interrupted: {what}", "Starting the same seed again is harmless.", Exit.INTERRUPTED
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


def _write(run: Run, folder: Path, as_json: bool) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        note(f"{folder} is not empty: what another run left there stays among the documents")
    stop = StopSignal()
    with stop.installed(), progress("writing documents", run.documents) as bar:
        written = write_documents(run, folder, bar.advance, stop)
    if as_json:
        print_json({"documents": written, "folder": str(folder)})
    else:
        note(f"{written} documents in {folder}")
    if stop.is_set():
        raise _interrupted(f"{written} of {run.documents} documents were written")


def _publish(
    run: Run, rates: FaultRates, ledger: Path | None, pace: Pace, *, content: bool
) -> Summary:
    settings = Settings.load()
    stop = StopSignal()
    check_topics(settings, (DOCUMENT_TOPIC, PATIENT_TOPIC))
    book = None if ledger is None else Ledger(ledger, run.seed, _described(run, rates, content))
    publisher = open_publisher(settings, client_id=CLIENT)
    complete = False
    try:
        with stop.installed(), progress("publishing", run.expected_messages) as bar:
            sender = Sender(publisher, SystemClock(), stop, book)
            messages = messages_of(run, rates, content=content)
            summary = sender.send_all(messages, pace, bar.advance)
        complete = summary.complete
    finally:
        publisher.close()
        if book is not None:
            book.close(complete=complete)
    return summary


def _reference(run: Run, ledger: Path | None, as_json: bool) -> None:
    settings = Settings.load()
    check_topics(settings, (REGISTRY,))
    book = None if ledger is None else Ledger(ledger, run.seed, _described(run, NO_FAULTS, False))
    publisher = open_publisher(settings, client_id=CLIENT)
    acknowledged, sent = 0, 0
    try:
        acknowledged, sent = publish_references(references(run), publisher, book)
    finally:
        publisher.close()
        if book is not None:
            book.close(complete=acknowledged == sent)
    if as_json:
        print_json({"sent": sent, "acknowledged": acknowledged})
    else:
        note(f"{acknowledged} messages on the topic registry: ingest them, then simulate")
    if acknowledged < sent:
        raise CommandError(
            f"{sent - acknowledged} of {sent} messages were refused or are unanswered",
            "Sending them again is harmless.",
        )


def _described(run: Run, rates: FaultRates, content: bool) -> dict[str, object]:
    return {
        "sectors": [sector.name for sector in run.sectors],
        "patients": run.patients,
        "documents": run.documents,
        "day": run.calendar is not None,
        "metadata_only": not content,
        "faults": dict(rates.rates),
    }


def _report(summary: Summary, as_json: bool) -> None:
    figures = summary.as_json()
    if as_json:
        print_json(figures)
        return
    table = Table(title="Simulation")
    table.add_column("what")
    table.add_column("messages", justify="right")
    for name in ("sent", "acknowledged", "refused", "unanswered"):
        table.add_row(name, f"{figures[name]:,}")
    for name, count in figures["by_schema"].items():
        table.add_row(f"schema {name}", f"{count:,}")
    for name, count in figures["by_fault"].items():
        table.add_row(f"fault {name}", f"{count:,}")
    table.add_row("a second, in all", f"{figures['per_second']:,}")
    table.add_row("a second, while sending", f"{figures['per_second_while_sending']:,}")
    if summary.behind:
        table.add_row("seconds late at most", f"{summary.behind:.1f}")
    out().print(table)
    if summary.acknowledged and summary.example_ins is not None:
        out().print(f"A test person to look at: histoire timeline --ins '{summary.example_ins}'")


def register_simulate(app: typer.Typer) -> None:
    """Add `simulate` to the application."""
    app.command("simulate")(simulate)
