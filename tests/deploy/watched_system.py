"""A running group, a producer and a real Prometheus that scrapes both."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from tests.deploy import prometheus
from tests.system.running.processes import TookTooLong

INTERVAL_SECONDS = 3
"""More than a frozen process may keep the group's endpoint waiting."""
WAIT_SECONDS = 90.0


def eventually(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    """Returns once the condition holds. Raises TookTooLong; `what` says what was there instead."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TookTooLong(f"not within {WAIT_SECONDS:g} s: {what()}")
        time.sleep(0.5)


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        if first + count < 65_536 and all(_is_free(first + n) for n in range(count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Watched:
    """`histoire run` in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_ports(4)
        self.environ = {
            **os.environ,
            "HISTOIRE_HOME": str(home),
            "HISTOIRE_METRICS_PORT": str(self.port),
            "HISTOIRE_TOPIC_PARTITIONS": "4",
        }
        self.command("migrate")
        self.process = self.begin("run")

    def command(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env=self.environ,
            check=True,
            capture_output=True,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that goes on until it is ended."""
        return subprocess.Popen(
            [sys.executable, "-m", "deploy", *arguments],
            env=self.environ,
            stderr=subprocess.DEVNULL,
        )

    def child(self, command: str) -> int:
        """The process that runs this command of the group."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (entry / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if parent == self.process.pid and words[3:4] == [command]:
                return int(entry.name)
        raise LookupError(command)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        finally:
            self.process.kill()
            self.process.wait()


class Prometheus:
    """The deployed configuration, with shorter times and these targets."""

    def __init__(self, folder: Path, groups: list[int], producers: list[int]) -> None:
        shutil.copytree(prometheus.FOLDER, folder)
        _shorten(folder / "prometheus.yml", folder / "alerts.yml")
        for name, ports in (("histoire", groups), ("producers", producers)):
            targets = [f"127.0.0.1:{port}" for port in ports]
            (folder / "targets" / f"{name}.yml").write_bytes(orjson.dumps([{"targets": targets}]))
        self.port = free_ports(1)
        self.process = subprocess.Popen(
            [
                prometheus.program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ]
        )
        eventually(self._is_ready, lambda: "prometheus does not answer")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What the expression gives now."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def alerts(self) -> set[tuple[str, str]]:
        """Alerts that fire, each with the process it is about."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("process", ""))
            for alert in self._get("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def rule_faults(self) -> list[str]:
        """What went wrong when the rules were evaluated."""
        groups = self._get("rules")["groups"]
        assert groups
        return [rule["lastError"] for g in groups for rule in g["rules"] if rule.get("lastError")]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def _get(self, what: str, **parameters: str) -> Any:
        address = f"http://127.0.0.1:{self.port}/api/v1/{what}"
        with urllib.request.urlopen(
            f"{address}?{urllib.parse.urlencode(parameters)}", timeout=20
        ) as answer:
            said = orjson.loads(answer.read())
        assert said["status"] == "success"
        return said["data"]

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False


def _shorten(config: Path, rules: Path) -> None:
    text = re.sub(r"scrape_(interval|timeout): \w+", rf"scrape_\1: {INTERVAL_SECONDS}s",
                  config.read_text())  # fmt: skip
    config.write_text(text.replace("evaluation_interval: 15s", "evaluation_interval: 1s"))
    rules.write_text(re.sub(r"for: \d+m", "for: 2s", rules.read_text()))
