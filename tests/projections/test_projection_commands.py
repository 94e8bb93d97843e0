"""The commands as a person or program runs them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from ingest.eventstore import EventStore
from ingest.feed import ensure_topics, open_poller
from ingest.runtime.console import CommandError, Exit
from ingest.runtime.postgres.database import store_dsn
from ingest.runtime.settings import Settings, variable
from projections.commands.project import register
from schemas.codec.messages import decode_event
from schemas.feed.messages import NOTIFICATIONS
from schemas.forms.identity import matricule_key
from tests.projections.given import Log
from tests.projections.stores import append_all
from tests.schemas.policy.test_habilitation import MADE_UP_FILE

FIRST = "180017512345"
DOCTOR = "1.2.250.1.71.4.2.1^899700000077"


def identity(oid: str = "1.2.250.1.213.1.4.10") -> str:
    first = f"{FIRST}6"
    return f"{oid}|{first}{matricule_key(first)}"


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(variable("home"), str(settings.home))
    monkeypatch.setenv(variable("database_dsn"), store_dsn(settings))
    app = typer.Typer()
    register(app)

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return invoke


@pytest.fixture
def filled(settings: Settings, store: EventStore, run: Any) -> Any:
    token = store.secrets.ins_hash(identity())
    record = store.identities.resolve([token])[token].record
    log = Log()
    log.opened(record)
    log.submitted("1.1", record, title="Bilan")
    log.submitted("1.2", record, title="Masqué", masquePs=True)
    log.submitted("1.3", record, title="Ancien")
    log.archived("1.3", record)
    log.authorised(DOCTOR, datetime(2999, 1, 1, tzinfo=UTC), record)
    log.accessed(DOCTOR, record, mode="BREAK_GLASS", motive="unconscious")
    append_all(store, log.events)
    ensure_topics(settings)
    done = run("project", "--until-idle", "--json")
    assert done.exit_code == 0, done.output
    answer = orjson.loads(done.stdout)
    assert answer["notified"] == 4  # three documents, and an access in an emergency
    assert answer["positions"] == dict.fromkeys(
        ["timeline", "notifications", "statistics", "access"], store.reading.max_position()
    )
    return run


def titles(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    shown = orjson.loads(result.stdout)
    found = [document["title"] for day in shown["days"] for document in day["documents"]]
    assert shown["count"] == len(found)
    return found


def test_a_timeline_for_each_reader(filled: Any) -> None:
    for arguments, expected in (
        ((), ["Masqué", "Bilan"]),
        (("--reader", "professional"), ["Bilan"]),
        (("--reader", "author:1.2.250.1.71.4.2.2^1750000001"), ["Masqué", "Bilan"]),
        (("--reader", "representative"), []),
    ):
        assert titles(filled("timeline", "--ins", identity(), "--json", *arguments)) == expected
    shown = filled("timeline", "--ins", "-", "--archived", stdin=identity() + "\n")
    assert "1.3" in shown.stdout, "its identifier is shown"
    assert shown.exit_code == 0
    assert "2025-12-30" in shown.stdout
    assert "Ancien" in shown.stdout.split("Documents archivés")[1]


@pytest.mark.parametrize(
    ("ins", "code"),
    [
        (identity("1.2.250.1.213.1.4.8"), Exit.USAGE),  # a real one: others see arguments
        ("nonsense", Exit.USAGE),
        (identity()[:-1] + "x", Exit.USAGE),
    ],
)
def test_an_ins_that_must_not_stand_there_is_refused_without_repeating_it(
    filled: Any, ins: str, code: Exit
) -> None:
    result = filled("timeline", "--ins", ins)
    assert isinstance(result.exception, CommandError)
    assert result.exception.code is code
    assert FIRST not in str(result.exception) + str(result.exception.repair)


def test_who_is_unknown_is_not_found(filled: Any) -> None:
    other = f"1.2.250.1.213.1.4.10|2800175123456{matricule_key('2800175123456')}"
    result = filled("timeline", "--ins", other)
    assert isinstance(result.exception, CommandError)
    assert result.exception.code is Exit.NOT_FOUND


def test_notifications_are_on_their_topic(filled: Any, settings: Settings) -> None:
    poller = open_poller(
        settings,
        [NOTIFICATIONS],
        group=None,
        resume=lambda given: {each.partition: each.log_start for each in given},
        client_id="test",
    )
    received: list[Any] = []
    try:
        for _ in range(50):
            polled = poller.poll(0.1, 100, 2**20)
            received += [record for part in polled for record in part.records]
            if len(received) >= 4:
                break
    finally:
        poller.close()
    said = [decode_event("Notification", record.value) for record in received]
    assert len({notification["notificationId"] for notification in said}) == len(said) == 4
    assert {record.key for record in received} == {str(said[0]["record"]).encode()}
    assert filled("notifications", "--due", "--json").stdout == ""


def test_notifications_and_figures_are_listed(filled: Any) -> None:
    lines = filled("notifications", "--json").stdout.splitlines()
    rules = [orjson.loads(line)["rule"] for line in lines]
    assert rules == [*["document_visible"] * 3, "emergency_access"]
    figures = orjson.loads(filled("statistics", "--json").stdout)
    assert figures["records"]["fed"] == 1
    assert [cell["fed"] for cell in figures["documents"]] == [3]
    assert filled("statistics").exit_code == filled("notifications", "--due").exit_code == 0


def test_figures_are_chosen_and_summed(filled: Any) -> None:
    whole = orjson.loads(filled("statistics", "--json").stdout)
    assert whole["totals"] == {"fed": 3, "replaced": 0, "deleted": 0, "current": 3}
    for chosen, fed in (
        (("--sector", "SA25"), 3),
        (("--sector", "SA01"), 0),
        (("--sector", "SA01", "--sector", "SA25"), 3),
        (("--type", "11502-2", "--month", "2025"), 3),
        (("--type", "11488-4"), 0),
        (("--month", "2025-12"), 3),
        (("--month", "2025-11"), 0),
    ):
        shown = orjson.loads(filled("statistics", "--json", *chosen).stdout)
        assert shown["totals"]["fed"] == fed, chosen
        assert shown["records"] == whole["records"], "records have no type"
    assert "total" in filled("statistics").stdout
    for wrong in (("--sector", "SA999"), ("--type", "1-1"), ("--month", "2025-13")):
        assert filled("statistics", *wrong).exception.code is Exit.USAGE


def test_notifications_are_chosen_by_number_and_moment(filled: Any) -> None:
    def listed(*arguments: str) -> list[int]:
        lines = filled("notifications", "--json", *arguments).stdout.splitlines()
        return [orjson.loads(line)["position"] for line in lines]

    everything = listed()
    assert listed("--limit", "2") == everything[-2:], "the newest, in their order"
    assert listed("--since", "2020-01-01") == everything
    assert listed("--since", "2999-01-01T08:00+02:00") == []
    assert filled("notifications", "--since", "yesterday").exception.code is Exit.USAGE


def test_accesses_are_shown_to_the_patient(filled: Any) -> None:
    shown = orjson.loads(filled("accesses", "--ins", identity(), "--json").stdout)
    (access,) = shown["accesses"]
    assert shown["count"] == 1
    assert (access["actorId"], access["motive"]) == (DOCTOR, "unconscious")
    assert [word["id"] for word in shown["authorised"]] == [DOCTOR]
    text = filled("accesses", "--ins", "-", stdin=identity() + "\n").stdout
    assert "Médecin" in text
    assert "bris de glace" in text
    assert "Autorisé jusqu'au 2999-01-01" in text
    for reader in ("professional", "nobody"):
        refused = filled("accesses", "--ins", identity(), "--reader", reader)
        assert refused.exception.code is Exit.USAGE
    none = filled("accesses", "--ins", identity(), "--reader", "representative", "--json")
    assert orjson.loads(none.stdout)["accesses"] == [], "his age is unknown"


def test_a_professional_reads_by_what_the_patient_gave_him_and_by_the_matrix(
    filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(reader: str) -> list[str]:
        return titles(filled("timeline", "--ins", identity(), "--json", "--reader", reader))

    unknown = "1.2.250.1.71.4.2.1^899700000088"
    assert shown(f"professional:{DOCTOR}") == ["Bilan"]
    assert shown(f"professional:{unknown}") == []
    assert shown(f"professional:{unknown}@1.2.250.1.71.4.2.2^1750000001") == ["Masqué", "Bilan"]
    monkeypatch.setenv(variable("habilitation_file"), str(MADE_UP_FILE))
    assert shown(f"professional:{DOCTOR}/10") == ["Bilan"]
    assert shown(f"professional:{DOCTOR}/86") == [], (
        "technicians feed this type, and do not read it"
    )
    assert shown(f"professional:{DOCTOR}") == [], "nobody knows his profession"


@pytest.mark.parametrize(
    "command", ["project", "timeline", "accesses", "notifications", "statistics", "replay"]
)
def test_help_can_be_shown(run: Any, command: str) -> None:
    shown = run(command, "--help")
    assert shown.exit_code == 0, shown.output
    assert "Exit codes" in shown.output


def test_replay_proves_and_says_so(filled: Any) -> None:
    answer = orjson.loads(filled("replay", "timeline", "--workers", "1", "--json").stdout)
    assert answer["switched"] is True
    assert (answer["compared"], answer["differing"]) == (1, 0)
    assert filled("replay", "timeline", "--back").exit_code == 0
    refused = filled("replay", "notifications")
    assert isinstance(refused.exception, CommandError)
    assert "never rebuilt" in refused.exception.sentence
    assert isinstance(filled("replay", "nothing").exception, CommandError)


@pytest.mark.parametrize(
    "arguments",
    [
        ("project", "--until-idle"),
        ("timeline", "--ins", identity()),
        ("notifications",),
        ("statistics",),
        ("accesses", "--ins", identity()),
        ("timeline", "--ins", identity(), "--reader", "professional"),
        ("replay", "timeline"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_before_migrate_every_command_says_so_and_ends_2(
    arguments: tuple[str, ...],
    run: Any,
    new_database: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable("database_dsn"), new_database("template1"))
    result = run(*arguments)
    assert isinstance(result.exception, CommandError), result.output
    assert result.exception.code is Exit.USAGE
    assert "histoire migrate" in str(result.exception)


def test_a_run_that_ends_by_itself_takes_no_port_unless_told(
    filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setenv(variable("metrics_port"), port)
        assert filled("project", "--until-idle").exit_code == 0
        asked = filled("project", "--until-idle", "--metrics-port", port)
    assert isinstance(asked.exception, CommandError)
    assert asked.exception.code is Exit.UNAVAILABLE
