"""What was read for a batch: a view for its decisions, and the versions of all it was read from."""

from dataclasses import dataclass, field

from ingest.eventstore.append_batch import PendingLink
from ingest.facts.needs import DOCUMENT, ENTRY, RECORD, NotRead
from ingest.facts.view import View
from ingest.read.arrivals import Arrival
from schemas.forms.stream_ids import record_stream


@dataclass(slots=True)
class Basis:
    """`versions`: of streams as read, 0 where there is none; they are compared under the lock.

    `links`: replacements that wait for documents that were asked for. `letters`: dead letters that
    do, by the stream they wait for. `entries`: versions of the entries of the registry as read.
    """

    view: View
    versions: dict[bytes, int] = field(default_factory=dict)
    links: list[PendingLink] = field(default_factory=list)
    letters: dict[bytes, list[Arrival]] = field(default_factory=dict)
    entries: dict[bytes, int] = field(default_factory=dict)

    def version_of_document(self, stream: bytes) -> int:
        """As read. Raises NotRead."""
        return self._version(DOCUMENT, stream, stream)

    def version_of_record(self, record: int) -> int:
        """As read. Raises NotRead."""
        return self._version(RECORD, record, record_stream(record))

    def version_of_entry(self, stream: bytes) -> int:
        """As read. Raises NotRead."""
        return self._version(ENTRY, stream, stream)

    def _version(self, kind: str, key: bytes | int, stream: bytes) -> int:
        try:
            return self.versions[stream]
        except KeyError:
            raise NotRead(kind, key) from None
