"""Whether a CDA is worth sending: person and codes are those that ingestion takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from schemas import valuesets
from schemas.cda import CdaDocument, CdaUnreadable, PatientIns, read_cda
from schemas.forms.identity import Environment, accepted_oids, is_well_formed
from schemas.forms.unique_id import unique_id_is_well_formed
from schemas.rules.table.rejections import REJECTIONS

from .refused import Refused, refused_by_rule

CONFIDENTIALITIES: Final[Mapping[str, Literal["N", "R", "V"]]] = {"N": "N", "R": "R", "V": "V"}
_NOT_CDA: Final = REJECTIONS["content_refused"].french


def sendable_document(data: bytes, environment: Environment, bytes_max: int) -> CdaDocument:
    """The header of a file that ingestion can take. Raises Refused for any other."""
    if len(data) > bytes_max:
        raise refused_by_rule("too_large")
    found = read_cda(data)
    if isinstance(found, CdaUnreadable):
        english = f"Not a CDA that can be sent: {found.detail}"
        raise Refused("content_refused", english, _NOT_CDA, "content")
    check_document(found, environment)
    return found


def check_document(found: CdaDocument, environment: Environment) -> None:
    """Ingestion takes the person and the codes of this document. Raises Refused."""
    _check_ins(found, environment)
    _check_codes(found)


def ins_of(found: CdaDocument) -> PatientIns:
    """The one INS of the document. Raises Refused for none, or several."""
    if found.ins is None:
        raise Refused(
            "ins_missing",
            "The document has no INS, or several: it would be filed under nobody.",
            "Le document n'a pas d'INS, ou en a plusieurs : il ne serait classé chez personne.",
            "ins",
        )
    return found.ins


def _check_ins(found: CdaDocument, environment: Environment) -> None:
    ins = ins_of(found)
    if ins.oid not in accepted_oids(environment):
        raise refused_by_rule("ins_oid_not_accepted", "ins.oid")
    if not ins.key_valid:
        right_form = is_well_formed(ins.matricule)
        raise refused_by_rule("ins_key_wrong" if right_form else "ins_malformed", "ins.matricule")


def _check_codes(found: CdaDocument) -> None:
    type_code = found.type.code if found.type else None
    practice = found.practice_setting
    checks = (
        (type_code, valuesets.TYPE_CODES_DMP, "type_unknown", "typeCode"),
        (found.format_code, valuesets.FORMAT_CODES_DMP, "format_unknown", "formatCode"),
        (
            found.facility_type,
            valuesets.FACILITY_CODES_DMP,
            "facility_unknown",
            "healthcareFacilityTypeCode",
        ),
        (
            practice,
            valuesets.PRACTICE_SETTING_CODES_DMP,
            "practice_setting_unknown",
            "practiceSettingCode",
        ),
        (
            found.confidentiality,
            frozenset(CONFIDENTIALITIES),
            "text_malformed",
            "confidentialityCode",
        ),
    )
    if type_code is not None and valuesets.is_listed_outside_dmp(type_code):
        raise refused_by_rule("type_not_in_dmp", "document.typeCode")
    for code, allowed, rejection, field in checks:
        if code not in allowed:
            raise refused_by_rule(rejection, f"document.{field}")
    if found.unique_id is None or not unique_id_is_well_formed(found.unique_id):
        raise refused_by_rule("unique_id_malformed", "document.uniqueId")
