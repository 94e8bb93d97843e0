"""A marked patient goes through the whole system, in every way; only sealed bytes know of him."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from ingest.feed import OutgoingRecord, open_publisher
from ingest.runtime.settings import Settings
from tests.system.running.answers import Terminal, scrape, terminal
from tests.system.running.avro_folder import AvroFolder
from tests.system.running.feed_reading import ANSWERS, FEED, EmbeddedFeed, Feed
from tests.system.running.marked_patient import KEY, SECRETS, acts, disguised, found_in, variations
from tests.system.running.processes import installed, wait_until
from tests.system.running.system_under_load import SMALL, System, free_port, migrated

pytestmark = pytest.mark.system

FILES: Final = 6
_TABLES: Final = """
select quote_ident(n.nspname), quote_ident(c.relname) from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')"""


@pytest.fixture
def by_default(home: Path) -> Iterator[System]:
    """Nothing configured: the embedded PostgreSQL below its own home, the embedded feed."""
    with installed(home, **SMALL, log_level="debug") as installation:
        home.mkdir(mode=0o700)
        try:
            installation.run("database", "start")
            dsn = installation.run("database", "status", "--json").lines()[0]["dsn"]
            yield migrated(System(installation, dsn, EmbeddedFeed(dsn)))
        finally:
            installation.end_all()
            installation.run("database", "stop")


class Arguments:
    """The arguments of every process on this machine, looked at all the time."""

    def __init__(self) -> None:
        self.telling: set[str] = set()
        self.looks = 0

    def look(self) -> None:
        """One look at all of them."""
        self.looks += 1
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found = found_in(file.read_bytes())
            except OSError:  # it has ended
                continue
            self.telling.update(found)


@contextmanager
def watched_arguments() -> Iterator[Arguments]:
    seen, ended = Arguments(), threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            seen.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def send_files(system: System, folder: Path) -> None:
    """CDA files of the patient, as the maker of a software would send them."""
    system.installation.run(
        *f"simulate --cda {folder} --documents {FILES} --patients 2 --seed 5".split()
    )
    files = sorted(folder.glob("*.xml"))
    for number, file in enumerate(files):
        file.write_bytes(disguised(file.read_bytes(), number))
    sent = system.installation.run("send", *map(str, files), "--wait", "--json", accept=(0, 1))
    states = [line["state"] for line in sent.lines()]
    assert states.count("accepted") >= 3, f"the files of the patient came to {states}"


def publish_variations(system: System) -> int:
    """All the other ways; how many messages."""
    avro = AvroFolder()
    deposit = next(_deposits(system.feed, avro))
    publisher = open_publisher(
        Settings.load(system.installation.environ()), client_id="a-strange-software"
    )
    messages = [("documents", message) for message in variations(avro, deposit)]
    messages += [("patients", message) for message in acts(avro, deposit)]
    try:
        for topic, (key, value, headers) in messages:
            record = OutgoingRecord(topic, key, value, headers)
            publisher.publish(record, lambda answer: None)
        assert publisher.flush(30)
    finally:
        publisher.close()
    return len(messages)


def _deposits(feed: Feed, avro: AvroFolder) -> Iterator[dict[str, Any]]:
    for raw in feed.records(FEED):
        read = avro.read(raw.value)
        if raw.key == KEY.encode() and read is not None and read[0] == "DepositDocument":
            yield read[1]


def use_everything(system: System, asked: Terminal, folder: Path) -> None:
    """Every command that may meet the patient, as operators and readers use them."""
    letters = asked.run("dead-letters", "list", "--all", "--json").lines()
    assert len({letter["code"] for letter in letters}) >= 8, "letters of many kinds"
    said = []
    for letter in letters:
        said.append(asked.run("dead-letters", "show", str(letter["letter"])))
    for code in sorted({letter["code"] for letter in letters}):
        said.append(asked.run("dead-letters", "retry", "--code", code))
    said.append(
        asked.run("dead-letters", "discard", str(letters[0]["letter"]), "--reason", "essai")
    )
    for command in ("outcomes --json", "notifications --json", "statistics", "positions show"):
        said.append(asked.run(*command.split()))
    said += [asked.run("status"), asked.run("audit"), asked.run("config")]
    said += [asked.run("replay", name) for name in ("timeline", "statistics")]
    assert [found for done in said for found in found_in(done.out.encode())] == []
    shown = asked.run("timeline", "--ins", "-", "--json", given=f"{KEY}\n")
    assert found_in(shown.out.encode()), "his own timeline names him: the marks can be found"
    accesses = asked.run("accesses", "--ins", "-", "--json", given=f"{KEY}\n")
    assert found_in(accesses.out.encode()), "he reads why his record was opened"
    uid = shown.lines()[0]["days"][0]["documents"][0]["uniqueId"]
    out = str(folder / "given-back.xml")
    assert asked.run("document", "-", "--out", out, given=f"{uid}\n").code == 0
    assert found_in(Path(out).read_bytes()), "the document comes back with his name"


def cut_sessions(system: System, rng: random.Random) -> None:
    """The database throws everybody out, a few times: processes tell of it in their logs."""
    with psycopg.connect(system.dsn, autocommit=True) as conn:
        for _ in range(5):
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
            time.sleep(rng.uniform(0.05, 0.4))


def tables_of(system: System) -> Iterator[tuple[str, bytes]]:
    """Every table, as PostgreSQL writes it in binary: texts and bytes as they are."""
    with psycopg.connect(system.dsn) as conn:
        for schema, table in conn.execute(_TABLES).fetchall():
            with conn.cursor().copy(f"copy {schema}.{table} to stdout (format binary)") as copy:
                yield f"{schema}.{table}", b"".join(bytes(part) for part in copy)


def files_below(folder: Path, *without: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all files, but for some folders."""
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        if file.is_file() and not any(inside.is_relative_to(name) for name in without):
            yield str(inside), str(inside).encode() + b"\n" + file.read_bytes()


def telling(sources: Iterator[tuple[str, bytes]]) -> dict[str, list[str]]:
    """The sources that carry a secret."""
    judged = {name: found_in(data) for name, data in sources}
    assert judged, "there was something to look at"
    return {name: found for name, found in judged.items() if found}


def run_patient_through(system: System, folder: Path, seed: int) -> dict[str, str]:
    """The whole way; the metrics of every process at its end."""
    ports = {name: free_port() for name in ("ingest", "relay", "project")}
    for name, port in ports.items():
        system.start(name, name, "--metrics-port", str(port))
    rng = random.Random(seed)
    with terminal(system.installation) as asked:
        load = f"simulate --documents 150 --faults 0.2 --seed {seed}"
        system.installation.run(*load.split())
        send_files(system, folder / "cda")
        publish_variations(system)
        cut_sessions(system, rng)
        system.wait_for_rest()
        use_everything(system, asked, folder)
        system.wait_for_rest()
        scraped = {name: scrape(port) for name, port in ports.items()}
    member = system.members["project"]
    member.running.kill()
    system.start_again(member)
    wait_until(lambda: bool(_try_scrape(ports["project"])), 20, "it serves its metrics again")
    return {**scraped, "project again": _try_scrape(ports["project"])}


def _try_scrape(port: int) -> str:
    try:
        return scrape(port)
    except OSError:
        return ""


def check_nobody_knows_him(system: System, folder: Path, seed: int, *, log_of_server: bool) -> None:
    with watched_arguments() as arguments:
        metrics = run_patient_through(system, folder, seed)
        system.stop()
    assert arguments.looks > 20
    assert arguments.telling == set()
    assert telling((name, text.encode()) for name, text in metrics.items()) == {}
    tables = dict(tables_of(system))
    clear = {name for name in tables if name.startswith(("projection.", "feed."))}
    assert telling((name, data) for name, data in tables.items() if name not in clear) == {}
    assert telling((name, tables[name]) for name in clear), "where he is in clear he is found"
    answers = (
        (str(r.place), r.key + b"\n" + r.value + b"\n" + r.headers)
        for r in system.feed.records(ANSWERS)
    )
    assert telling(answers) == {}
    home = system.installation.home
    contents = dict(files_below(home / "content"))
    assert len(contents) >= 3, "documents are kept"
    assert telling(iter(contents.items())) == {}
    assert telling(files_below(system.installation.logs)) == {}
    # The outbox is the sender's own, who knows his patient; the database was looked at by tables.
    assert telling(files_below(home, "postgres", "outbox")) == {}
    assert home.stat().st_mode & 0o077 == 0 or (home / "outbox").stat().st_mode & 0o077 == 0
    if log_of_server:
        assert telling(iter({"log": (home / "postgres" / "log").read_bytes()}.items())) == {}


def test_on_the_default_installation(by_default: System, tmp_path: Path, seed: int) -> None:
    check_nobody_knows_him(by_default, tmp_path, seed, log_of_server=True)


@pytest.mark.kafka
@pytest.mark.faults
def test_over_kafka(over_kafka: System, tmp_path: Path, seed: int) -> None:
    over_kafka.installation.settings["log_level"] = "debug"
    check_nobody_knows_him(over_kafka, tmp_path, seed, log_of_server=False)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "written", [str.encode, str.upper, lambda s: s.encode().hex(), lambda s: s[::-1]]
)
def test_marks_are_found_however_written(secret: str, written: Callable[[str], Any]) -> None:
    text = written(secret)
    data = text if isinstance(text, bytes) else text.encode()
    assert found_in(b"before " + data + b" after")
