"""What `histoire simulate` does with a run: publishes, references or writes it, tells figures."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.table import Table

from ingest.feed import check_topics, open_publisher
from ingest.runtime.console import CommandError, Exit, note, out, print_json, progress
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.settings import Settings
from producers.simulator.faults.rates import NO_FAULTS, FaultRates
from producers.simulator.plan.plan import Run
from producers.simulator.run.ledger import Ledger
from producers.simulator.run.pacing import Pace
from producers.simulator.run.publish_references import publish_references
from producers.simulator.run.references import references
from producers.simulator.run.run_messages import messages_of
from producers.simulator.run.sender import Sender
from producers.simulator.run.summary import Summary
from producers.simulator.run.write_documents import write_documents
from schemas.feed.messages import DOCUMENTS as DOCUMENT_TOPIC
from schemas.feed.messages import PATIENTS as PATIENT_TOPIC
from schemas.feed.messages import REGISTRY

CLIENT: Final = "histoire-simulate"


def write_run(run: Run, folder: Path, as_json: bool) -> None:
    """The documents of the run are files of the folder. Raises CommandError when interrupted."""
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
        raise interrupted(f"{written} of {run.documents} documents were written")


def publish_run(
    run: Run, rates: FaultRates, ledger: Path | None, pace: Pace, *, content: bool
) -> Summary:
    """The messages of the run are on the feed; what became of them. Raises FeedError."""
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


def reference_run(run: Run, ledger: Path | None, as_json: bool) -> None:
    """The registry is told of the software and companies of the run. Raises CommandError."""
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


def show_summary(summary: Summary, as_json: bool) -> None:
    """Write the figures of a run, and a test person to look at."""
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


def interrupted(what: str) -> CommandError:
    """Ends a command that was asked to stop. `what`: how far it came."""
    return CommandError(
        f"interrupted: {what}", "Starting the same seed again is harmless.", Exit.INTERRUPTED
    )
