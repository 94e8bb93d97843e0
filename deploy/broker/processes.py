"""One node as a process that outlives us; its pid file finds it again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path

from .errors import BrokerError
from .layout import Node

HEAP = "512m"
FORMAT_SECONDS = 60
STOP_SECONDS = 30.0


def format_data(
    java: str, lib: Path, node: Node, cluster_id: str, first_user: Path | None = None
) -> None:
    """The data folder of the node carries the id of the cluster; one that has it stays as it is.

    `first_user`: a file of further arguments; others see the arguments of a process.
    """
    if (node.data / "meta.properties").exists():
        return
    command = [java, "-cp", f"{lib}/*", "kafka.tools.StorageTool", "format"]
    command += ["-t", cluster_id, "-c", str(node.properties), "--ignore-formatted"]
    command += [f"@{first_user}"] if first_user is not None else []
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=FORMAT_SECONDS, check=False
    )
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BrokerError(f"Kafka could not prepare {node.data}: {lines[-1] if lines else '?'}")


def launch(java: str, lib: Path, node: Node) -> int:
    """The process id of the started node, which lives on when we end. It may not answer yet."""
    with as_file(files(__package__).joinpath("log4j2.xml")) as logging:
        logging_copy = node.folder / "log4j2.xml"
        logging_copy.write_bytes(logging.read_bytes())
    command = [java, f"-Xmx{HEAP}", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]
    command += ["-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"]
    command += [f"-Dlog4j2.configurationFile={logging_copy}", f"-Dhistoire.log={node.log}"]
    command += ["-cp", f"{lib}/*", "kafka.Kafka", str(node.properties)]
    # The shell ends at once, so the node is nobody's child: it is reaped by init, and neither our
    # signals nor our end reach it.
    script = 'console="$1"; shift; "$@" >"$console" 2>&1 </dev/null & echo $!'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "histoire-broker", str(node.folder / "console.log"), *command],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
        cwd=node.folder,
        check=True,
    )
    pid = int(done.stdout)
    node.pid_file.write_text(f"{pid}\n")
    return pid


def node_pid(node: Node) -> int | None:
    """The process id of the running node; None when it does not run."""
    try:
        pid = int(node.pid_file.read_text())
        # The number may belong to another program by now. A zombie has no command line.
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(node.properties) in command else None


def end(nodes: Sequence[Node]) -> bool:
    """No node runs afterwards: all are asked at once, and killed after 30 s. False: none ran."""
    found = [node for node in nodes if node_pid(node) is not None]
    # Asked one after the other, the last of three would wait for a majority that is gone.
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 10.0)):
        for node in found:
            _signal(node, number)
        deadline = time.monotonic() + seconds
        while any(node_pid(node) for node in found) and time.monotonic() < deadline:
            time.sleep(0.05)
    for node in found:
        node.pid_file.unlink(missing_ok=True)
    return bool(found)


def _signal(node: Node, number: int) -> None:
    pid = node_pid(node)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def last_words(node: Node) -> str:
    """The last error in the logs of the node, for a person whose Kafka does not start."""
    for path in (node.log, node.folder / "console.log"):
        if path.exists():
            lines = path.read_text(errors="replace").splitlines()
            errors = [ln for ln in lines if " ERROR " in ln or " FATAL " in ln or "Exception" in ln]
            if errors or (lines and path.name == "console.log"):
                return (errors or lines)[-1][:300]
    return f"nothing in {node.log}"
