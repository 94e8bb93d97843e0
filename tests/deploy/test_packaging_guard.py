"""The guard of the image: silent on our tree, loud when a stranger has one of our names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.packaging_guard import ROOT, strangers
from deploy.version import UNKNOWN, program_version, version_of_tree


def guard(python_path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "deploy.packaging_guard"],
        env={**os.environ, "PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_our_tree_is_ours() -> None:
    assert list(strangers()) == []
    assert guard(str(ROOT)).returncode == 0


def test_a_strangers_package_before_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "producers").mkdir()
    (tmp_path / "producers" / "__init__.py").touch()
    done = guard(f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 1
    assert "producers is found in" in done.stderr


def test_a_distribution_that_claims_a_name_is_named(tmp_path: Path) -> None:
    claimed = tmp_path / "stranger-1.dist-info"
    claimed.mkdir()
    (claimed / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
    (claimed / "RECORD").write_text("schemas/__init__.py,,\n")
    done = guard(f"{ROOT}{os.pathsep}{tmp_path}")
    assert done.returncode == 1
    assert "schemas is claimed by stranger" in done.stderr


def test_the_version_is_known_without_an_installation(tmp_path: Path) -> None:
    assert version_of_tree(ROOT) == program_version()
    assert version_of_tree(tmp_path) == UNKNOWN
