"""What the product answers to its users: its commands, called as they would call them."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import orjson

from tests.system.bugs.planted import CRASHED
from tests.system.judge.evidence import Evidence, Seen
from tests.system.running.processes import ROOT, Ended, Installation


class Terminal:
    """Commands one after another, in one process with the settings of an installation."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def tail(self) -> str:
        """The last lines that its commands wrote to stderr."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def run(self, *arguments: str, given: str = "") -> Ended:
        """One command to its end. What it writes to stderr is in the log of the terminal."""
        asked = {"arguments": arguments, "given": given}
        requests, answers = _pipes(self._process)
        requests.write(orjson.dumps(asked, option=orjson.OPT_APPEND_NEWLINE))
        requests.flush()
        line = answers.readline()
        if not line:  # it met a crash point
            code = self._process.wait(20)
            assert code == CRASHED, f"the terminal ended by itself with {code}: {self.tail()}"
            return Ended(code, "", "")
        said = orjson.loads(line)
        return Ended(said["code"], said["out"], "")


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


@contextmanager
def terminal(installation: Installation, *planted: str) -> Iterator[Terminal]:
    """A terminal that is closed after the block; `planted`: crash points and bugs in it."""
    log = installation.logs / "terminal.log"
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.system.running.command_server", *planted],
            cwd=ROOT,
            env={**installation.environ(), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        try:
            yield Terminal(process, log)
        finally:
            requests, _ = _pipes(process)
            with suppress(BrokenPipeError):
                requests.close()
            process.wait(20)


Timelines = dict[tuple[str, str], Seen]


def ask_timelines(
    asked: Terminal, keys: Iterable[str], readers: Iterable[str], into: Timelines
) -> None:
    """`histoire timeline` of each person for each reader, the INS on standard input."""
    readers = list(readers)
    for key in keys:
        for reader in readers:
            arguments = ("timeline", "--ins", "-", "--reader", reader, "--archived", "--json")
            done = asked.run(*arguments, given=f"{key}\n")
            assert done.code == 0, f"no timeline: {done.code}: {asked.tail()}"
            into[key, reader] = _seen(done.lines()[0])


def _seen(said: dict[str, Any]) -> Seen:
    documents = [d for day in said["days"] for d in day["documents"]]
    archived = [d for day in said["archivedDays"] or () for d in day["documents"]]
    assert said["count"] == len(documents), "the count is what is shown"
    assert said["archivedCount"] == len(archived), "the count is what is shown"
    return Seen(
        tuple(d["uniqueId"] for d in documents),
        tuple(d["uniqueId"] for d in archived),
        {d["uniqueId"]: frozenset(d["flags"]) for d in (*documents, *archived) if d["flags"]},
    )


def ask_documents(asked: Terminal, evidence: Evidence, uids: Iterable[str], folder: Path) -> None:
    """`histoire document` of each: the hash of the bytes given back, None when none are."""
    for number, uid in enumerate(uids):
        file = folder / f"{number}.bin"
        done = asked.run("document", "-", "--out", str(file), given=f"{uid}\n")
        evidence.contents[uid] = None
        if done.code == 0:
            evidence.contents[uid] = sha256(file.read_bytes()).hexdigest()
            file.unlink()


def ask_audit(asked: Terminal, evidence: Evidence) -> None:
    """`histoire audit --at-end`: its verdict and its lines."""
    done = asked.run("audit", "--at-end", "--json")
    evidence.audit_passed = done.code == 0
    evidence.audit = done.lines()


def ask_replay(asked: Terminal, evidence: Evidence) -> None:
    """`histoire replay timeline`: whether the rebuilt one is equal."""
    done = asked.run("replay", "timeline", "--json")
    said = done.lines()[-1]
    evidence.rebuilt_equal = done.code == 0 and not said["differing"] and said["switched"]


def scrape(port: int) -> str:
    """The metrics of a process."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def read_balance_gauges(text: str) -> dict[tuple[str, int, str], float]:
    """`histoire_balance_messages` by topic, partition and kind."""
    found = {}
    for line in text.splitlines():
        if line.startswith("histoire_balance_messages{"):
            labels, _, value = line.partition("{")[2].partition("} ")
            said = dict(pair.split("=", 1) for pair in labels.split(","))
            name = {label: quoted.strip('"') for label, quoted in said.items()}
            found[name["topic"], int(name["partition"]), name["kind"]] = float(value)
    return found
