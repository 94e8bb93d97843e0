"""`make demo`: the whole path on this machine, each step by the command a person would type.

Everything lives in a home of its own, which is made anew each time and stays for a person to look
around. The exit code is 0 only when every step did what it should and the audit balances.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from ingest.eventstore import EventStore
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.postgres.embedded import stop_embedded
from ingest.runtime.settings import Settings, child_environment, variable
from producers.simulator.population.population import Population
from projections.commands.reader_option import reader_named, reading_rules
from projections.timeline.query import timeline_of

from .broker import start_broker, stop_broker

ROOT: Final = Path(__file__).resolve().parent.parent
OFFICIAL: Final = ROOT.parent / "shared" / "cda"
SECTORS: Final = "lab,hospital,gp"
PATIENTS: Final = 400
SEED_WITH_BYTES: Final = 1
SEED_METADATA: Final = 2
SEED_SAMPLES: Final = 3
FAULTS: Final = "0.02,unreferenced_software=0.003"
SAMPLES: Final = 12
SENDER: Final = ("--publisher", "Histoire", "--product", "Histoire", "--until", "2035-12-31")
SCREEN: Final = 15
"""A history that is shown has at most so many documents."""

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)


class StepFailed(Exception):
    """A step ended with another exit code than it should."""


class Demo:
    """Runs `histoire` commands in one home."""

    def __init__(self, home: Path, kafka: bool) -> None:
        self.home = home
        self._settings = {"home": str(home), "metrics_port": "0", "log_level": "warning"}
        if kafka:
            with console.status("starting Kafka on the JVM"):
                self._settings["kafka_bootstrap"] = start_broker(home, port=0).bootstrap
            console.print(f"Kafka answers at {self._settings['kafka_bootstrap']}")

    def run(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> None:
        """Show the command, run it, show what it prints. Raises StepFailed."""
        shown = " ".join(a if " " not in a and "|" not in a else f"'{a}'" for a in arguments)
        if len(shown) > 160:
            shown = shown[:150] + " ..."
        console.print(f"\n[bold]$ histoire {shown}[/bold]")
        sys.stdout.flush()
        code = subprocess.run(
            self._command(arguments), env=child_environment(**self._settings), check=False
        ).returncode
        if code not in allowed:
            raise StepFailed(f"histoire {arguments[0]} ended with exit code {code}")

    def lines(self, *arguments: str) -> list[dict[str, object]]:
        """The JSON lines that a command prints."""
        done = subprocess.run(
            self._command(arguments),
            env=child_environment(**self._settings),
            stdout=subprocess.PIPE,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def group(self) -> Iterator[None]:
        """`histoire run` in the background while the block runs."""
        console.print("\n[bold]$ histoire run &[/bold]")
        process = subprocess.Popen(self._command(("run",)), env=child_environment(**self._settings))
        try:
            yield
        finally:
            process.terminate()
            code = process.wait(60)
        if code:
            raise StepFailed(f"histoire run ended with exit code {code}")

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "deploy", *arguments]


def title(text: str) -> None:
    """A heading between the parts."""
    console.rule(f"[bold]{text}[/bold]", align="left")


def feed(demo: Demo) -> None:
    """2,000 documents with their bytes and 18,000 with metadata only, both with faults.

    The registry knows their software, but for a few messages.
    """
    title("The registry: which software may feed")
    demo.run("simulate", "--sector", SECTORS, "--reference")
    demo.run("registry", "reference", Settings().sender_software_id, *SENDER)
    demo.run("ingest", "--until-idle")  # first, since no order holds between topics
    demo.run("registry", "show", Settings().sender_software_id)
    title("Professional software feeds documents")
    practice = ("--sector", SECTORS, "--patients", str(PATIENTS), "--faults", FAULTS)
    demo.run("simulate", *practice, "--documents", "2000", "--seed", str(SEED_WITH_BYTES))
    seed = str(SEED_METADATA)
    demo.run("simulate", *practice, "--documents", "18000", "--metadata-only", "--seed", seed)
    demo.run("ingest", "--until-idle")


def send(demo: Demo) -> None:
    """Samples made here, and the official ones where they lie beside the project."""
    title("Files are sent, and answered")
    made = demo.home / "samples"
    count = ("--documents", str(SAMPLES), "--seed", str(SEED_SAMPLES))
    demo.run("simulate", "--sector", SECTORS, *count, "--cda", os.path.relpath(made))
    with demo.group():
        demo.run("send", "--wait", *_files(made))
        official = _files(OFFICIAL) if OFFICIAL.is_dir() else []
        if official:
            console.print(
                "\nThe official samples. Those with a flaw are refused or rejected, each says why."
            )
            demo.run("send", "--wait", *official, allowed=(0, 1))
        else:
            console.print("The official samples do not lie beside the project: not sent.")


def _files(folder: Path) -> list[str]:
    return [os.path.relpath(path) for path in sorted(folder.rglob("*.xml"))]


def look(demo: Demo) -> None:
    """One person's history as two readers see it, the notifications, the answers by reason."""
    title("One person's history, as the patient and as a professional see it")
    ins = _interesting(demo)
    for reader in ("patient", "professional"):
        demo.run("timeline", "--ins", ins, "--reader", reader)
    title("What became of every message")
    _print_counts("outcome", ("status", "code"), demo.lines("outcomes", "--json"))
    title("Notifications due to patients")
    notices = demo.lines("notifications", "--json")
    _print_counts("notification", ("rule", "audience", "typeCode"), notices)


def _interesting(demo: Demo) -> str:
    """`oid|matricule` of a test patient whose history differs by reader and fits on a screen."""
    settings = Settings.load({variable("home"): str(demo.home)})
    rules = reading_rules(settings, datetime.now(UTC))
    readers = [reader_named(name, rules) for name in ("patient", "professional")]
    population = Population(SEED_WITH_BYTES, PATIENTS)
    now = datetime.now(UTC)
    best, shown = population[0].key.decode(), 0
    with (
        EventStore.open(settings) as store,
        connect(store_dsn(settings), application_name="histoire-demo") as conn,
    ):
        for number in range(PATIENTS):
            ins = population[number].key.decode()
            for found in store.identities.lookup([store.secrets.ins_hash(ins)]).values():
                seen = [timeline_of(conn, found.record, reader, now).current for reader in readers]
                uids = [{entry.row.unique_id for entry in entries} for entries in seen]
                if len(uids[0]) <= SCREEN and uids[0] - uids[1] and uids[1] - uids[0]:
                    return ins
                if uids[0] != uids[1] and shown < len(uids[0]) <= SCREEN:
                    best, shown = ins, len(uids[0])
    return best


def _print_counts(what: str, names: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    counts = Counter(tuple(str(row.get(name) or "") for name in names) for row in rows)
    table = Table(*names, "number", title=f"{len(rows):,} {what}s", title_justify="left")
    for key, count in sorted(counts.items(), key=lambda item: -item[1])[:30]:
        table.add_row(*key, f"{count:,}")
    console.print(table)


def prove(demo: Demo) -> None:
    """Rebuild, compare, and balance."""
    title("The timeline is built again from the first event, and proved equal")
    demo.run("replay", "timeline")
    title("The balance sheet")
    demo.run("audit", "--at-end")


def clear(home: Path) -> None:
    """Nothing of an earlier demo runs or is there."""
    if home.exists():
        stop_broker(home)
        stop_embedded(home)
        shutil.rmtree(home)


def main(
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Over a real Kafka on the JVM (Java 17, Maven).")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the servers running.")] = False,
) -> None:
    """Simulate, send, ingest, project, replay and audit; exit 0 only when all of it balances."""
    home = Settings.load().home.absolute() / ("demo-kafka" if kafka else "demo")
    began = time.monotonic()
    clear(home)
    try:
        demo = Demo(home, kafka)
        demo.run("migrate")
        feed(demo)
        send(demo)
        demo.run("relay", "--until-idle")
        demo.run("project", "--until-idle")
        look(demo)
        prove(demo)
    except StepFailed as failure:
        console.print(f"\n[bold red]The demo failed: {failure}[/bold red]")
        raise typer.Exit(1) from None
    finally:
        if not keep:
            stop_broker(home)
            stop_embedded(home)
    seconds = time.monotonic() - began
    console.print(f"\nAll of it balances, in {seconds:.0f} s. Everything is in {home}.")


if __name__ == "__main__":
    typer.run(main)
