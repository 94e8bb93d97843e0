"""The units: taken by systemd, hardened, and in step with the supervisor."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.group.supervisor import FOR_A_PERSON, GRACE_SECONDS

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
SERVICES = ("histoire", "histoire-migrate", "histoire-audit")
PYTHON = "/opt/histoire/venv/bin/python"


def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed: units were not checked by systemd")
    return found


def unit(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(FOLDER / f"{name}.service")
    return parser["Service"]


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        # systemd looks whether the program is there.
        (tmp_path / path.name).write_text(path.read_text().replace(PYTHON, "/usr/bin/env"))
    done = subprocess.run(
        [analyze(), "verify", "--man=no", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "histoire" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", SERVICES)
def test_unit_is_hardened(name: str) -> None:
    """Exposure below 2.0 of 10, as systemd counts it."""
    subprocess.run(
        [analyze(), "security", "--offline=true", "--threshold=20", FOLDER / f"{name}.service"],
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("name", SERVICES)
def test_unit_runs_as_itself_and_leaves_no_core(name: str) -> None:
    service = unit(name)
    assert service["User"] == "histoire"
    assert service["LimitCORE"] == "0"
    assert service["ExecStart"].startswith(f"{PYTHON} -m deploy ")


def test_what_needs_a_person_is_not_started_again_and_batches_may_end() -> None:
    service = unit("histoire")
    codes = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert codes == {int(code) for code in FOR_A_PERSON}
    assert float(service["TimeoutStopSec"]) > GRACE_SECONDS
    assert service["KillMode"] == "mixed"
