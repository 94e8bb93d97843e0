"""Everything that feeds: the library for makers of software, the commands, the simulator.

A message is on disk before `submit` returns. It is sent from there until the feed has it, whatever
process dies in between:

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

The messages and their fields: `histoire schemas list`, `histoire schemas show DepositDocument`.
What became of a message is on the topic `outcomes`, under the id of the software. The room imports
the feed and the runtime of ingest, and schemas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from producers.publish.errors import AlreadySubmitted, QueueError, QueueFull
    from producers.publish.messages import Submission
    from producers.publish.publisher import DocumentPublisher

__all__ = ["AlreadySubmitted", "DocumentPublisher", "QueueError", "QueueFull", "Submission"]

_HOMES: Final = {
    "AlreadySubmitted": ".publish.errors",
    "DocumentPublisher": ".publish.publisher",
    "QueueError": ".publish.errors",
    "QueueFull": ".publish.errors",
    "Submission": ".publish.messages",
}


def __getattr__(name: str) -> Any:
    """Loads a name when it is used: the commands start without the feed and the codec."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
