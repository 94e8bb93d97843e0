"""Which rejected messages wait for a document that has not come yet (decision 0020)."""

from ingest.decide.document import TARGET_UNKNOWN
from ingest.facts.message import DocumentMessage, Interpreted
from ingest.read.interpret import Rejected
from schemas.rules.table.rejections import Rejection


def waits_for(read: Interpreted | Rejected, rejection: Rejection) -> bytes | None:
    """The stream of the document whose coming has the message decided again; None: none has."""
    if rejection.code != TARGET_UNKNOWN.code or not isinstance(read, DocumentMessage):
        return None
    return read.stream
