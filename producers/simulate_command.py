"""`histoire simulate`: synthetic practice onto the feed, or real CDA files into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from ingest.runtime.console import CommandError, Exit, note, out, print_json, progress
from ingest.runtime.feed import ensure_topics, open_publisher
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.settings import Settings

from .simulator.fault_rates import FAULTS, FaultError, FaultRates, parse_faults
from .simulator.ledger import Ledger
from .simulator.plan import Run
from .simulator.simulation import Sender, Summary, messages_of, write_documents
from .simulator.tables import TableError, read_sector, sector_names

CLIENT: Final = "histoire-simulate"
_FAULT_HELP: Final = (
    "Faults put in on purpose: a share for all together (0.01) or name=share,... with "
    + "; ".join(f"{name}: {words}" for name, words in FAULTS.items())
    + "."
)


def simulate(
    sector: Annotated[
        str, typer.Option(help="Sectors, comma-separated: " + ", ".join(sector_names()) + ".")
    ] = "lab,hospital,gp",
    patients: Annotated[
        int, typer.Option(min=1, help="How many test persons (Zipf: a few have many documents).")
    ] = 1000,
    documents: Annotated[
        int, typer.Option(min=0, help="How many deposits, replacing ones included.")
    ] = 2000,
    rate: Annotated[float, typer.Option(min=0, help="Messages a second; 0: at full speed.")] = 0.0,
    seed: Annotated[
        int,
        typer.Option(help="Same seed, same bytes, on every machine; also the same message ids."),
    ] = 1,
    faults: Annotated[str | None, typer.Option(help=_FAULT_HELP)] = None,
    metadata_only: Annotated[
        bool,
        typer.Option(
            "--metadata-only",
            help="Deposits without bytes, with made-up hashes: use another seed than with bytes.",
        ),
    ] = False,
    cda: Annotated[
        Path | None,
        typer.Option(
            help="Write the documents as CDA files into this folder and publish nothing.",
            file_okay=False,
        ),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option(
            help="Append intents and acknowledgements to this file (JSON lines).", dir_okay=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object.")
    ] = False,
) -> None:
    """Publish a synthetic practice: test persons, three years of acts, 5 % life-cycle operations.

    Exit codes: 0 all sent and answered as foreseen; 1 some messages are unanswered or were refused
    though no fault was put in; 2 wrong arguments; 4 the feed is away.
    """
    run = _run(seed, sector, patients, documents)
    rates = _rates(faults)
    if cda is not None:
        if faults or ledger or metadata_only:
            note("files only: --faults, --ledger and --metadata-only have no effect with --cda")
        _write(run, cda, as_json)
        return
    summary = _publish(run, rates, ledger, rate, content=not metadata_only)
    _report(summary, as_json)
    foreseen = summary.by_fault.get("oversize_refused", 0)
    if summary.unanswered or summary.refused > foreseen:
        raise CommandError(
            f"{summary.unanswered} messages are unanswered and {summary.refused} were refused",
            "The ledger says which ones; sending the same seed again is harmless.",
        )


def _run(seed: int, sector: str, patients: int, documents: int) -> Run:
    names = tuple(dict.fromkeys(name.strip() for name in sector.split(",") if name.strip()))
    try:
        if not names:
            raise TableError(f"no sector named: there are {', '.join(sector_names())}")
        run = Run(seed, tuple(map(read_sector, names)), patients, documents)
        run.population()
    except ValueError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
    return run


def _rates(text: str | None) -> FaultRates:
    try:
        return parse_faults(text)
    except FaultError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None


def _write(run: Run, folder: Path, as_json: bool) -> None:
    with progress("writing documents", run.documents) as bar:
        written = write_documents(run, folder, bar.advance)
    if as_json:
        print_json({"documents": written, "folder": str(folder)})
    else:
        note(f"{written} documents in {folder}")


def _publish(
    run: Run, rates: FaultRates, ledger: Path | None, rate: float, *, content: bool
) -> Summary:
    settings = Settings.load()
    stop = StopSignal()
    ensure_topics(settings)
    book = None if ledger is None else Ledger(ledger, run.seed, _described(run, rates, content))
    publisher = open_publisher(settings, client_id=CLIENT)
    complete = False
    try:
        with stop.installed(), progress("publishing", run.expected_messages) as bar:
            sender = Sender(publisher, SystemClock(), stop, book)
            messages = messages_of(run, rates, content=content)
            summary = sender.send_all(messages, rate, bar.advance)
        complete = summary.complete
    finally:
        publisher.close()
        if book is not None:
            book.close(complete=complete)
    return summary


def _described(run: Run, rates: FaultRates, content: bool) -> dict[str, object]:
    return {
        "sectors": [sector.name for sector in run.sectors],
        "patients": run.patients,
        "documents": run.documents,
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
    out().print(table)


def register_simulate(app: typer.Typer) -> None:
    """Add `simulate` to the application."""
    app.command("simulate")(simulate)
