"""The broker's Java libraries: fetched once by Maven, as pinned in pom.xml."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

from .errors import BrokerError, MissingProgramError

JAVA_LEAST = 17
MAVEN_SECONDS = 900
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"


def java() -> str:
    """Path of a Java of version 17 or later; raises MissingProgramError."""
    program = shutil.which("java")
    repair = "Install a Java runtime (Debian: apt-get install openjdk-17-jre-headless)."
    if program is None:
        raise MissingProgramError("Kafka needs Java, and there is no `java` on the path", repair)
    answer = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    if found is None or int(found[1]) < JAVA_LEAST:
        version = found[1] if found else "unknown"
        raise MissingProgramError(
            f"Kafka needs Java {JAVA_LEAST} or later; `{program}` is version {version}", repair
        )
    return program


def libraries(folder: Path) -> Path:
    """`folder` holds the pinned jars afterwards; Maven is called only when it lacks them.

    Raises MissingProgramError without Maven, BrokerError when Maven can't fetch them.
    """
    pom = files(__package__).joinpath("pom.xml")
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()
    marker = folder / "pom.sha256"
    if marker.exists() and marker.read_text() == digest:
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingProgramError(
            "Kafka's libraries are fetched by Maven, and there is no `mvn` on the path",
            "Install Maven (Debian: apt-get install maven), or set HISTOIRE_KAFKA_BOOTSTRAP to a "
            "broker of your own.",
        )
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    with as_file(pom) as path:
        _fetch(maven, path, fresh)
    (fresh / "pom.sha256").write_text(digest)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder


def _fetch(maven: str, pom: Path, folder: Path) -> None:
    command = [maven, "-B", "-q", "-ntp", "-f", str(pom), f"{PLUGIN}:copy-dependencies"]
    command += [f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BrokerError(f"Maven did not end within {MAVEN_SECONDS} s") from None
    if done.returncode != 0:
        errors = re.findall(r"^\[ERROR\] (.+)", done.stdout + done.stderr, re.MULTILINE)
        reason = errors[0] if errors else "no reason given"
        raise BrokerError(
            f"Maven could not fetch Kafka's libraries: {reason}",
            "Check the network, or the mirror in Maven's settings.xml.",
        )
