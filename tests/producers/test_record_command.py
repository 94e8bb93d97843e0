"""`histoire record`: each act as a message, refused before it is sent, or really answered."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from deploy.cli import run
from ingest.feed import ensure_topics
from ingest.runtime.console import CommandError, Exit
from ingest.runtime.settings import Settings
from producers.record.acts_on_access import EmergencyMode, Mode
from producers.record.acts_on_record import Because
from producers.record.capacity import Capacity, actor_in_capacity
from producers.record.command import ACTS, register_record
from schemas.codec.messages import encode
from schemas.feed import access_messages
from schemas.feed.messages import Actor, Ins, Provenance

ANNA = "1.2.250.1.213.1.4.10|279035121518989"
BRUNO = "1.2.250.1.213.1.4.10|124018852493334"
DR_A = "1.2.250.1.71.4.2.1^801234567897"
LAB = "1.2.250.1.71.4.2.2^1750100125"
INS: Ins = {
    "oid": "1.2.250.1.213.1.4.10",
    "matricule": "279035121518989",
    "status": "QUALIFIEE",
}
ACTOR: Actor = {
    "id": DR_A,
    "name": "DURANT",
    "roleCode": "10",
    "organisationId": LAB,
    "organisationName": "Labo",
    "sectorCode": "SA25",
}
PROVENANCE: Provenance = {
    "software": {"id": "lgc-1", "name": "LGC", "version": "1", "approval": None},
    "actor": ACTOR,
    "authenticationMode": "DIRECTE",
    "purposeOfUse": "normal",
    "channel": "DIRECT",
    "occurredAt": 1_700_000_000_000,
}
HELD = {"authorise", "withdraw", "block", "unblock", "attending", "end-attending"}
OF_ACCESS = HELD | {"oppose-emergency", "allow-emergency", "access"}


def fields_of(act: str, **options: Any) -> tuple[str, dict[str, Any]]:
    message = ACTS[act](**({"holder": DR_A} if act in HELD else {}), **options)
    return message.schema, dict(message.fields)


@pytest.mark.parametrize("act", ACTS)
def test_every_act_is_a_message_of_its_schema(act: str) -> None:
    name, fields = fields_of(act)
    if act == "access":
        fields["accessedAt"] = PROVENANCE["occurredAt"]
    datum = {"messageId": b"\0" * 16, "provenance": PROVENANCE, "ins": INS, **fields}
    encode(name, datum)  # raises for a field too many or too few
    assert hasattr(access_messages, name) == (act in OF_ACCESS)


OPTIONS: dict[str, tuple[str, Any]] = {
    "--name": ("name", "Dr A"),
    "--until": ("until", "20991231"),
    "--because": ("because", Because.DEATH),
    "--on": ("on", "20240101"),
    "--mode": ("mode", Mode.REGULATION),
    "--motive": ("motive", "x"),
    "--document": ("documents", ["1.2.3"]),
    "--refused": ("refused", True),
    "--reason": ("reason", "x"),
}
TAKES = {
    "--name": {"authorise", "block", "attending"},
    "--until": {"authorise"},
    "--because": {"close"},
    "--on": {"close"},
    "--mode": {"oppose-emergency", "allow-emergency", "access"},
    "--motive": {"access"},
    "--document": {"access"},
    "--refused": {"access"},
    "--reason": set(ACTS) - {"activate", "access"},
}


def called(*arguments: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    register_record(app)
    return CliRunner().invoke(app, ["record", *arguments])


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("act", ACTS)
def test_an_option_that_does_not_go_with_the_act_is_refused(act: str, option: str) -> None:
    name, value = OPTIONS[option]
    if act in TAKES[option]:
        assert fields_of(act, **{name: value}) != fields_of(act)
        return
    text = () if option == "--refused" else (str(value),)
    holder = (DR_A,) if act in HELD else ()
    result = called(act, *holder, option, *text, "--ins", "-")
    assert isinstance(result.exception, CommandError)
    assert result.exception.code is Exit.USAGE
    assert f"{option} does not go with {act}" in str(result.exception)


@pytest.mark.parametrize("act", sorted(HELD))
def test_acts_about_somebody_name_him(act: str) -> None:
    result = called(act, "--ins", "-")
    assert isinstance(result.exception, CommandError)
    assert f"{act} needs HOLDER" in str(result.exception)


@pytest.mark.parametrize("mode", ["normal", "secret"])
def test_only_accesses_in_an_emergency_can_be_opposed(mode: str) -> None:
    assert called("oppose-emergency", "--mode", mode, "--ins", "-").exit_code == Exit.USAGE


def test_enumerations_are_those_of_the_messages() -> None:
    modes = get_args(access_messages.RecordAccess.__annotations__["mode"])
    assert {mode.name for mode in Mode} == set(modes)
    opposed = get_args(access_messages.OpposeEmergencyAccess.__annotations__["access"])
    assert {mode.name for mode in EmergencyMode} == set(opposed)


def test_who_acts_is_named_as_ingestion_expects() -> None:
    assert actor_in_capacity(Capacity.PROFESSIONAL, ACTOR, INS) == ACTOR
    assert actor_in_capacity(Capacity.MACHINE, ACTOR, INS) == {**ACTOR, "roleCode": "AUTOMATE"}
    patient = actor_in_capacity(Capacity.PATIENT, ACTOR, INS)
    assert (patient["id"], patient["roleCode"]) == (ANNA.replace("|", "^"), "PATIENT")
    assert patient["organisationId"] is None
    representative = actor_in_capacity(Capacity.REPRESENTATIVE, ACTOR, INS)
    assert (representative["id"], representative["roleCode"]) == (DR_A, "REPRESENTANT")
    machine: Actor = {**ACTOR, "roleCode": "AUTOMATE"}
    assert actor_in_capacity(None, machine, INS) == machine
    assert actor_in_capacity(Capacity.PROFESSIONAL, machine, INS, "21")["roleCode"] == "21"
    with pytest.raises(CommandError):
        actor_in_capacity(Capacity.PROFESSIONAL, machine, INS)
    with pytest.raises(CommandError):
        actor_in_capacity(Capacity.PATIENT, ACTOR, INS, "10")


# The command


Command = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def settings(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    environment = {
        "HISTOIRE_DATABASE_DSN": database,
        "HISTOIRE_HOME": str(tmp_path / "home"),
        "HISTOIRE_TOPIC_PARTITIONS": "2",
        "HISTOIRE_METRICS_PORT": "0",
        "HISTOIRE_SENDER_ACTOR_ID": DR_A,
        "HISTOIRE_SENDER_ACTOR_ROLE": "10",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load(environment)


@pytest.fixture
def record(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Exit code, the object of `--json`, and stderr of one call."""

    def call(*arguments: str, ins: str = ANNA) -> tuple[int, dict[str, Any], str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.StringIO(ins + "\n"))
        code = run(["record", *arguments, "--ins", "-", "--json"])
        out, err = capsys.readouterr()
        return code, orjson.loads(out) if out.strip() else {}, err

    return call


@contextmanager
def running(command: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(30) in (0, 130)


def test_a_life_of_access_answered_by_real_ingestion(settings: Settings, record: Command) -> None:
    assert run(["migrate"]) == 0
    ensure_topics(settings)
    with running("ingest"), running("relay"):

        def told(*arguments: str) -> tuple[str, str | None]:
            code, said, _ = record(*arguments, "--wait")
            assert code == (Exit.FAILED if said["state"] == "rejected" else Exit.OK)
            return said["state"], said["code"]

        assert told("open") == ("accepted", None)
        assert told("open") == ("unchanged", None)
        assert told("authorise", DR_A, "--until", "2099-12-31") == ("accepted", None)
        assert told("block", DR_A) == ("rejected", "not_entitled_on_record")
        assert told("block", DR_A, "--by", "patient") == ("accepted", None)
        assert told("authorise", DR_A) == ("rejected", "professional_blocked")
        assert told("access", "--mode", "break-glass", "--motive", "Inconscient") == (
            "rejected",
            "professional_blocked",
        )
        assert told("unblock", DR_A, "--by", "patient") == ("accepted", None)
        assert told("oppose-emergency", "--by", "patient") == ("accepted", None)
        assert told("access", "--mode", "break-glass", "--motive", "x", "--refused") == (
            "accepted",
            None,
        )
        assert told("access", "--document", "1.2.3") == ("accepted", None)
        assert told("close", "--because", "death", "--by", "machine") == ("accepted", None)
        assert told("open", "--by", "patient") == ("rejected", "not_entitled_on_record")


def test_a_feed_that_is_away_leaves_the_message_in_the_queue(
    settings: Settings, record: Command
) -> None:
    code, said, err = record("open")
    assert (code, said["state"]) == (Exit.HALTED, "queued")
    assert "stays in the queue" in err
    ensure_topics(settings)
    code, said, _ = record("oppose", "--by", "patient")
    assert (code, said["state"]) == (Exit.OK, "acknowledged")
    assert said["offset"] == 1, "the one that was queued went first"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--ins", "-", "--json", "--by", "patient", "open", "--reason", "open"),
        ("--by=patient", "open", "--json", "--ins", "-"),
        ("--reason", "close", "--ins", "-", "--json", "oppose", "--by", "patient"),
    ],
)
def test_options_may_stand_before_the_act(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(ANNA + "\n"))
    assert run(["record", *arguments]) == Exit.HALTED
    assert orjson.loads(capsys.readouterr().out)["state"] == "queued"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("block",), Exit.USAGE, "HOLDER"),
        (("open", DR_A), Exit.USAGE, "HOLDER does not go with open"),
        (("authorise", DR_A, "--until", "2099-02-30"), Exit.USAGE, "--until"),
        (("open", "--by", "representative"), Exit.USAGE, "--actor"),
        (("open", "--actor", "me"), Exit.USAGE, "--actor"),
        (("open", "--actor", "1.2.250.1.213.1.4.8^185"), Exit.USAGE, "real person"),
        (("block", "Dr A", "--by", "patient"), Exit.FAILED, "holder_malformed"),
        (("access", "--mode", "break-glass"), Exit.FAILED, "motive_missing"),
        (("authorise", DR_A, "--until", "2001-01-01"), Exit.FAILED, "access_time_wrong"),
    ],
)
def test_what_would_be_refused_is_not_sent(
    record: Command, settings: Settings, arguments: tuple[str, ...], code: int, word: str
) -> None:
    found, said, err = record(*arguments)
    assert (found, said) == (code, {})
    assert word in err
    assert not (settings.home / "outbox").exists()


@pytest.mark.parametrize(
    "ins", ["", "279035121518989", "1.2.250.1.213.1.4.10|279035121518988", "x" * 5000]
)
def test_an_ins_that_is_none_is_refused_and_not_repeated(record: Command, ins: str) -> None:
    code, _, err = record("open", ins=ins)
    assert code == Exit.USAGE
    assert not ins or ins not in err


def test_a_real_ins_stands_on_no_command_line(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    real = BRUNO.replace("4.10|", "4.8|")
    assert run(["record", "open", "--ins", real]) == Exit.USAGE
    assert real not in capsys.readouterr().err
