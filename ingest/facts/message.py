"""Messages as decisions see them: one type per kind, and nothing in it that may be missing.

`ingest.read.interpret` makes them of feed records. `datum` is of the TypedDict with the name of the
message. Treat all of them as read-only: they are not frozen, which would cost time per message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypedDict, TypeVar

from schemas.feed.messages import DepositDocument, Ins, LinkIns, Provenance, UnlinkIns
from schemas.rules.table.rejections import Rejection


class AboutPerson(TypedDict):
    """What every message about a person has."""

    messageId: bytes
    provenance: Provenance
    ins: Ins


class AboutDocument(TypedDict):
    """What every message about a document has, but for its deposit."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    uniqueId: str
    reason: str | None


class AboutHolder(TypedDict):
    """What every message about the access of a professional or an organisation has."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    professionalId: str
    reason: str | None


class AboutRegistry(TypedDict):
    """What every message about an entry of the registry has."""

    messageId: bytes
    provenance: Provenance
    id: str


P_co = TypeVar("P_co", bound=AboutPerson, covariant=True)
D_co = TypeVar("D_co", bound=AboutDocument, covariant=True)
R_co = TypeVar("R_co", bound=AboutRegistry, covariant=True)


@dataclass(slots=True, kw_only=True)
class Interpreted:
    """A message that keeps every rule that needs no store.

    `name`: of its schema. `received_ms`: when the feed took it. `warnings`: rules that it breaks
    without being rejected for them.
    """

    name: str
    message_id: bytes
    software_id: str
    received_ms: int
    warnings: tuple[Rejection, ...]

    @property
    def inses(self) -> tuple[str, ...]:
        """Every INS it names as its subject, as `oid|matricule`; none: it is about nobody."""
        return ()


@dataclass(slots=True, kw_only=True)
class Deposit(Interpreted):
    """A document is deposited. `stream`: the document's; `target`: that of the document which it
    replaces. `submitted`: the message without the bytes of the document, as it is stored.
    `content`: these bytes.
    """

    datum: DepositDocument
    ins: str
    stream: bytes
    target: bytes | None
    submitted: bytes
    content: bytes | None

    @property
    def inses(self) -> tuple[str, ...]:
        return (self.ins,)


@dataclass(slots=True, kw_only=True)
class Operation(Interpreted):
    """Any message but a deposit. `digest`: SHA-256 of its bytes, by which a copy is known."""

    digest: bytes


@dataclass(slots=True, kw_only=True)
class PersonMessage(Operation, Generic[P_co]):
    """It is about the record of the person with this INS (`oid|matricule`)."""

    datum: P_co
    ins: str

    @property
    def inses(self) -> tuple[str, ...]:
        return (self.ins,)


@dataclass(slots=True, kw_only=True)
class DocumentMessage(PersonMessage[D_co]):
    """Something is done to a document. `stream`: the document's."""

    stream: bytes


@dataclass(slots=True, kw_only=True)
class RecordMessage(PersonMessage[P_co]):
    """Something is done to a record, or to the identity it belongs to."""


@dataclass(slots=True, kw_only=True)
class LinkMessage(PersonMessage[LinkIns | UnlinkIns]):
    """Two records are said to be one person's, or no longer. `other_ins`: of the other record."""

    other_ins: str

    @property
    def inses(self) -> tuple[str, ...]:
        return (self.ins, self.other_ins)


@dataclass(slots=True, kw_only=True)
class AccessMessage(PersonMessage[P_co]):
    """Somebody gets or loses access to a record, or consulted it."""


@dataclass(slots=True, kw_only=True)
class RegistryMessage(Operation, Generic[R_co]):
    """Something is said of a software, a service or a company. It is about no person."""

    datum: R_co


TYPE_OF: Final[Mapping[str, type[Interpreted]]] = {
    "DepositDocument": Deposit,
    **dict.fromkeys(
        ("ChangeVisibility", "ArchiveDocument", "UnarchiveDocument", "DeleteDocument"),
        DocumentMessage,
    ),
    **dict.fromkeys(
        (
            "DeclareIdentity",
            "RevokeIdentity",
            "OpenRecord",
            "ActivateRecord",
            "CloseRecord",
            "OpposeFeeding",
            "WithdrawOpposition",
        ),
        RecordMessage,
    ),
    **dict.fromkeys(("LinkIns", "UnlinkIns"), LinkMessage),
    **dict.fromkeys(
        (
            "AuthoriseAccess",
            "WithdrawAccess",
            "BlockProfessional",
            "UnblockProfessional",
            "OpposeEmergencyAccess",
            "WithdrawEmergencyOpposition",
            "DesignateAttendingPhysician",
            "EndAttendingPhysician",
            "RecordAccess",
        ),
        AccessMessage,
    ),
    **dict.fromkeys(
        (
            "ReferenceSoftware",
            "ReferenceService",
            "CertifyTeleconsultationCompany",
            "EvaluateService",
            "WithdrawReference",
        ),
        RegistryMessage,
    ),
}
"""The type of every message, by the name of its schema."""
