"""The documents of a run as files."""

from __future__ import annotations

from pathlib import Path

from ingest.runtime.folders import PRIVATE
from ingest.runtime.lifecycle import StopSignal
from producers.simulator.content.content import ContentWriter, suffix_of
from producers.simulator.plan.plan import Plan, Run
from producers.simulator.run.sender import Advance


def write_documents(run: Run, folder: Path, advance: Advance, stop: StopSignal) -> int:
    """Write the documents of a run as files and publish nothing; how many were written.

    A name has number, kind and version, and nothing of the patient. Only the owner can read the
    files and enter a folder made here. When `stop` is set, it ends after a document.
    """
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    writer = ContentWriter(run.seed)
    written = 0
    for planned in Plan(run):
        if stop.is_set():
            break
        document = planned.document
        if planned.schema != "DepositDocument" or document is None:
            continue
        name = f"{document.number:07d}-{document.kind.name}-v{document.version}"
        path = folder / f"{name}.{suffix_of(document)}"
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_bytes(writer.write(document))
        written += 1
        advance(1)
    return written
