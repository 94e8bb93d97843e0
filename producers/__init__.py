"""Those who feed: the library for makers of software, `histoire send` and the simulator.

A message is on disk before `submit` returns, and is sent from there until the feed has it, whatever
dies in between:

    from pathlib import Path

    from ingest.runtime.settings import Settings
    from producers import DocumentPublisher

    publisher = DocumentPublisher(Settings.load(), Path("outbox/queue.sqlite"))
    message_id = publisher.submit(
        {
            "provenance": {
                "software": {"id": "lab-1", "name": "Lab", "version": "4.2", "approval": None},
                "actor": {
                    "id": "1.2.250.1.71.4.2.1^801234567890",
                    "name": None,
                    "roleCode": "10",
                    "organisationId": "1.2.250.1.71.4.2.2^1000000000",
                    "organisationName": None,
                    "sectorCode": "SA25",
                },
                "authenticationMode": "INDIRECTE",
                "purposeOfUse": "normal",
                "channel": "DIRECT",
                "occurredAt": 1_700_000_000_000,
            },
            "ins": {
                "oid": "1.2.250.1.213.1.4.10",
                "matricule": "279035121518989",
                "status": "QUALIFIEE",
            },
            "uniqueId": "1.2.250.1.999.1^42",
            "reason": None,
        },
        "ArchiveDocument",
    )
    publisher.flush(30.0)
    print(publisher.submission(message_id))  # acknowledged, at this partition and offset
    publisher.close()

The records and their fields: `histoire schemas list`, `histoire schemas show DepositDocument`. What
became of a message is on the topic `outcomes`, under the id of the software.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from producers.publish.durable_queue import QueueError, Submission
    from producers.publish.publisher import AlreadySubmitted, DocumentPublisher, QueueFull

__all__ = ["AlreadySubmitted", "DocumentPublisher", "QueueError", "QueueFull", "Submission"]

_HOMES: Final = {
    "AlreadySubmitted": ".publish.publisher",
    "DocumentPublisher": ".publish.publisher",
    "QueueError": ".publish.durable_queue",
    "QueueFull": ".publish.publisher",
    "Submission": ".publish.durable_queue",
}


def __getattr__(name: str) -> Any:
    """Loaded when asked for: the commands start without the feed and the codec."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
