"""Runs commands of `histoire` one after another in one process, since each start costs a second.

Reads one JSON object per line, `{"arguments": [...], "given": "..."}`, answers `{"code", "out"}`.
Started by `answers.terminal` with the environment of an installation. Arguments: what to plant
first (`planted`).
"""

from __future__ import annotations

import io
import sys
from typing import BinaryIO

import orjson
import typer

from tests.system.bugs.planted import plant_others, plant_points


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Until the requests end."""
    from deploy import cli

    # Else typer makes it anew for each command, in 25 ms.
    cli.app = typer.main.get_command(cli.app)  # type: ignore[assignment]
    for line in requests:
        asked = orjson.loads(line)
        said = io.BytesIO()
        sys.stdin = io.TextIOWrapper(io.BytesIO(asked["given"].encode()), encoding="utf-8")
        sys.stdout = io.TextIOWrapper(said, encoding="utf-8", write_through=True)
        code = cli.run(asked["arguments"])
        sys.stdout.flush()
        answer = {"code": int(code), "out": said.getvalue().decode()}
        answers.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()


if __name__ == "__main__":
    plant_points(sys.argv[1:])
    plant_others(sys.argv[1:])
    serve(sys.stdin.buffer, sys.stdout.buffer)
