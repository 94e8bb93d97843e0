"""The rules on each kind of message: one small pure function for each rule.

A rule returns a `Rejection`, or None when the message keeps the rule. Rules run for every message:
sets and patterns are made beforehand. Each docstring names its source. For all of them: decision
0004, decision 0038.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas.feed.messages import DepositDocument
from schemas.rules.document.content import content_findings, content_right
from schemas.rules.document.metadata import (
    codes_known,
    lists_fit,
    replaces_right,
    size_declared,
    texts_fit,
    times_readable,
    unique_id_right,
    version_right,
)
from schemas.rules.document.submission_set import submission_set_right
from schemas.rules.table.rejections import Rejection, SoftRule

from .access import (
    access_right,
    authorisation_right,
    block_right,
    designation_end_right,
    designation_right,
    emergency_right,
    holder_right,
)
from .identity import declaration_right, ins_accepted, qualified, traits_right
from .life_cycle import (
    activation_right,
    closing_right,
    document_operation_right,
    record_operation_right,
    visibility_right,
)
from .registry import (
    certification_right,
    evaluation_right,
    service_reference_right,
    software_reference_right,
    withdrawal_right,
)
from .soft_groups import SOFT_GROUPS_OF_ALL, SOFT_GROUPS_OF_DEPOSIT, SoftGroup
from .speakers import authors_named, identifiers_right, provenance_complete


def deposit_right(datum: DepositDocument) -> Rejection | None:
    """The first rule on the metadata of a deposit that is broken (SPEC c.1)."""
    document = datum["document"]
    return (
        unique_id_right(document["uniqueId"], "document.uniqueId")
        or replaces_right(document)
        or codes_known(document)
        or times_readable(document)
        or authors_named(document["authors"])
        or identifiers_right(document)
        or texts_fit(document)
        or size_declared(document)
        or version_right(document)
        or lists_fit(document)
        or traits_right(document["sourcePatientInfo"], "document.sourcePatientInfo.")
        or submission_set_right(datum["submissionSet"])
    )


RULES_OF: Final[Mapping[str, Callable[[Any], Rejection | None]]] = {
    "DepositDocument": deposit_right,
    "ChangeVisibility": visibility_right,
    "ArchiveDocument": document_operation_right,
    "UnarchiveDocument": document_operation_right,
    "DeleteDocument": document_operation_right,
    "DeclareIdentity": declaration_right,
    "OpenRecord": record_operation_right,
    "ActivateRecord": activation_right,
    "CloseRecord": closing_right,
    "OpposeFeeding": record_operation_right,
    "WithdrawOpposition": record_operation_right,
    "LinkIns": record_operation_right,
    "UnlinkIns": record_operation_right,
    "RevokeIdentity": record_operation_right,
    "AuthoriseAccess": authorisation_right,
    "WithdrawAccess": holder_right,
    "BlockProfessional": block_right,
    "UnblockProfessional": holder_right,
    "OpposeEmergencyAccess": emergency_right,
    "WithdrawEmergencyOpposition": emergency_right,
    "DesignateAttendingPhysician": designation_right,
    "EndAttendingPhysician": designation_end_right,
    "RecordAccess": access_right,
    "ReferenceSoftware": software_reference_right,
    "CertifyTeleconsultationCompany": certification_right,
    "ReferenceService": service_reference_right,
    "EvaluateService": evaluation_right,
    "WithdrawReference": withdrawal_right,
}
"""The rules on the fields of each kind of message, beside those on key, identity and provenance."""

SOFT_GROUPS_OF: Final[Mapping[str, tuple[SoftGroup, ...]]] = {
    **dict.fromkeys(RULES_OF, SOFT_GROUPS_OF_ALL),
    "DepositDocument": SOFT_GROUPS_OF_DEPOSIT,
}
"""The rules whose severity may be a warning, by kind of message. They run after the others."""

SOFT_RULES_OF: Final[Mapping[str, tuple[SoftRule, ...]]] = {
    name: tuple(rule for group in groups for rule in group.rules)
    for name, groups in SOFT_GROUPS_OF.items()
}
"""The same, rule by rule."""

__all__ = [
    "RULES_OF",
    "SOFT_GROUPS_OF",
    "SOFT_RULES_OF",
    "content_findings",
    "content_right",
    "ins_accepted",
    "provenance_complete",
    "qualified",
]
