"""Every command is found in the table, and starting one does not load the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.commands import REGISTRARS, Commands, load

ALONE = """
import sys
from deploy.cli import run
code = run({arguments})
loaded = [name for name in {heavy} if name in sys.modules]
raise SystemExit(loaded or code)
"""
HEAVY = {
    "check": ("kafka", "reportlab", "psycopg", "eventsourcing"),
    "ingest": ("reportlab", "producers.simulator"),
    "schemas": ("kafka", "reportlab", "psycopg", "producers", "projections"),
}
"""What a command does not need, and would take long to load."""


@pytest.mark.parametrize("registrar", REGISTRARS)
def test_a_registrar_adds_the_commands_that_the_table_says(registrar: str) -> None:
    assert set(load(registrar)) == set(REGISTRARS[registrar])


def test_a_name_that_is_not_in_the_table_is_no_command() -> None:
    commands = Commands()
    assert "nothing" not in commands
    assert len(commands) == len(list(commands))
    commands["more"] = "a command"
    assert list(commands)[-1] == "more"
    del commands["more"]
    assert "more" not in commands


@pytest.mark.parametrize("command", HEAVY)
def test_a_command_loads_what_it_needs_and_no_more(command: str) -> None:
    source = ALONE.format(arguments=[command, "--help"], heavy=HEAVY[command])
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
