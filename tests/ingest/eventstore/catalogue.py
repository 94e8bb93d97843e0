"""A catalogue of services, written by somebody who knows the eventsourcing library alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import StoredEvent

from ingest.eventstore.library.events import ServiceEvaluated, ServiceReferenced, ServiceWithdrawn


class Catalogue(Application[UUID]):
    """What the last evaluation of each service found; withdrawn ones are left out."""

    def __init__(self, env: dict[str, str]) -> None:
        super().__init__(env)
        self.conclusions: dict[str, str | None] = {}
        self._read = 0

    def read(self) -> None:
        """Everything that was recorded since."""
        for notification in self.recorder.select_notifications(self._read + 1, 1000):
            self._read = notification.id
            match self.mapper.to_domain_event(notification):
                case ServiceReferenced(said=said):
                    self.conclusions[said["id"]] = None
                case ServiceEvaluated(said=said):
                    self.conclusions[said["id"]] = said["conclusion"]
                case ServiceWithdrawn(said=said):
                    del self.conclusions[said["id"]]


def write_to(recorder: Any, stream: bytes, version: int) -> None:
    """An event of the library's own on this stream."""
    event = StoredEvent(UUID(bytes=stream), version, "catalogue:Touched", b"{}")
    recorder.insert_events([event])
