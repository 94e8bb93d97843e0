"""No message costs more than 50 ms and 64 MB, whatever it holds (decision 0004)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
MILLISECONDS_MAX = 50
MIB_MAX = 64


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.schemas.codec.bombs"],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_bomb_is_a_rejection_and_cheap(rows: list[dict[str, Any]]) -> None:
    accepted = [row["name"] for row in rows if row["code"] is None]
    assert accepted == ["heaviest accepted"]
    assert len(rows) > 30
    assert {row["code"] for row in rows} == {None, "malformed", "not_canonical", "too_large"}
    # Processor time, best of three: a guarantee of the reader, not a measure of the machine.
    dear = [r for r in rows if r["milliseconds"] >= MILLISECONDS_MAX or r["mib"] >= MIB_MAX]
    assert not dear
