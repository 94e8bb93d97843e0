"""Image and compose file: what can be known of them where no container engine runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.broker.layout import BATCH_OVERHEAD_BYTES
from deploy.group.supervisor import GRACE_SECONDS
from deploy.packaging_guard import NAMES
from ingest.runtime.settings import Settings, variable

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "container"
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+[\w.-]*$")


def instructions() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile, continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", (FOLDER / "Dockerfile").read_text(), flags=re.MULTILINE)
    return re.findall(r"^([A-Z]+) (.*)$", text.replace("\\\n", " "), re.MULTILINE)


def of(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yml").read_text())
    return loaded


def pins(lock: Path) -> dict[str, set[str]]:
    """Version and hashes of each package of a lock."""
    found: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=\S)", lock.read_text()):
        if "==" in block.split("\n")[0]:
            name, _, rest = block.partition("==")
            found[name] = {rest.split()[0], *re.findall(r"sha256:\w+", block)}
    return found


def test_image_is_built_in_stages_from_pinned_ones_and_runs_without_rights() -> None:
    stages = [line.split()[0] for line in of("FROM")]
    assert len(stages) == 2
    assert all(PINNED.match(stage) for stage in stages)
    assert of("USER") == ["10001:10001"]
    order = [name for name, _ in instructions()]
    assert order.index("USER") > max(i for i, name in enumerate(order) if name in ("COPY", "RUN"))
    assert not of("ADD")
    assert all(line.startswith("[") for line in (*of("ENTRYPOINT"), *of("CMD"))), "exec form"


def test_image_holds_the_packages_beside_their_dependencies_and_is_guarded() -> None:
    copied = {Path(source).name for line in of("COPY") for source in line.split()[:-1]}
    assert set(NAMES) <= copied
    assert "pyproject.toml" in copied
    runs = " ".join(of("RUN"))
    assert "--require-hashes" in runs
    assert "deploy.packaging_guard" in runs
    environment = " ".join(of("ENV"))
    assert "PYTHONPATH=/app" in environment
    assert of("WORKDIR") == ["/app"]


def test_the_builder_is_sent_nothing_but_the_program() -> None:
    lines = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    assert "*" in lines
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source.split("/")[0]
        for line in of("COPY")
        if "--from" not in line
        for source in line.split()[:-1]
    }
    assert copied <= allowed
    assert not allowed & {".histoire", ".venv", ".git"}


def test_lock_of_the_image_is_the_tested_lock_without_development() -> None:
    image, tested = pins(FOLDER / "requirements.lock"), pins(ROOT / "requirements.lock")
    assert {"psycopg", "kafka-python"} <= set(image)
    assert not {"pytest", "mypy", "grafana-foundation-sdk"} & set(image)
    differing = {name for name, pin in image.items() if tested.get(name) != pin}
    assert not differing, "compile deploy/container/requirements.lock again (CONTRIBUTING.md)"


def test_every_image_is_pinned_and_no_process_may_gain_rights() -> None:
    for name, service in compose()["services"].items():
        assert PINNED.match(service["image"]), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
        assert service["restart"] is not None


def test_processes_run_read_only_and_end_in_time() -> None:
    services = compose()["services"]
    for name in ("histoire", "migrate"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    grace = float(services["histoire"]["stop_grace_period"].removesuffix("s"))
    assert grace > GRACE_SECONDS


def test_settings_are_known_and_hold_no_secret() -> None:
    known = {variable(name) for name in Settings.model_fields}
    text = (FOLDER / "compose.yml").read_text()
    for service in compose()["services"].values():
        for key, value in service.get("environment", {}).items():
            assert not key.startswith("HISTOIRE_") or key in known, key
            if "PASSWORD" in key:
                assert re.fullmatch(r"\$\{HISTOIRE_\w+_PASSWORD:\?[^}]+\}", value), key
    assert "password=" not in text


def test_a_message_of_the_largest_size_fits_through_the_broker() -> None:
    environment = compose()["services"]["kafka"]["environment"]
    needed = Settings().max_message_bytes * 1.01 + BATCH_OVERHEAD_BYTES
    assert environment["KAFKA_MESSAGE_MAX_BYTES"] >= needed
    assert environment["KAFKA_REPLICA_FETCH_MAX_BYTES"] >= environment["KAFKA_MESSAGE_MAX_BYTES"]


def test_only_this_machine_is_reached_and_every_volume_is_declared() -> None:
    whole = compose()
    for name, service in whole["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert set(service["networks"]) <= set(whole["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).resolve().exists(), source
            else:
                assert source in whole["volumes"], source


def test_prometheus_is_given_the_group_by_its_name_in_the_network() -> None:
    (group,) = yaml.safe_load((FOLDER / "prometheus-targets.yml").read_text())
    assert group["targets"] == ["histoire:9464"]
    assert "histoire" in compose()["services"]


def test_compose_takes_the_file() -> None:
    docker = shutil.which("docker")
    plugin = docker and subprocess.run(
        [docker, "compose", "version"], capture_output=True, check=False
    )
    if not plugin or plugin.returncode != 0:
        pytest.skip("docker compose is not installed: the file was checked as YAML only")
    subprocess.run(
        [docker or "docker", "compose", "-f", FOLDER / "compose.yml", "config", "--quiet"],
        env={"HISTOIRE_POSTGRES_PASSWORD": "x", "HISTOIRE_GRAFANA_PASSWORD": "x"},
        check=True,
        capture_output=True,
    )
