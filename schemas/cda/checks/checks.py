"""The checks of the header of a CDA: one small function per rule.

A check yields remarks. No check refuses anything, and no detail repeats a value of the file. The
output has the order of `CHECKS`.
"""

from collections.abc import Callable, Iterator
from typing import Final

from schemas.cda import patient
from schemas.cda.document import CdaDocument, CdaRemark
from schemas.cda.elements import Element, line_of, path
from schemas.forms.identity import INS_OIDS, RETIRED_INS_OIDS, is_well_formed

from .codes import CODE_CHECKS
from .identifiers import IDENTIFIER_CHECKS
from .times import TIME_CHECKS

Check = Callable[[Element, CdaDocument], Iterator[CdaRemark]]

_HL7_FRANCE: Final = "2.16.840.1.113883.2.8.2.1"
_CI_SIS: Final = "1.2.250.1.213.1.1.1.1"
# Compulsory items by SPEC f.1, and the name of each in a sentence.
_COMPULSORY: Final = (
    ("realmCode", "realmCode"),
    ("typeId", "typeId"),
    ("unique_id", "id"),
    ("type", "code"),
    ("title", "title"),
    ("creation_time", "effectiveTime"),
    ("confidentiality", "confidentialityCode"),
    ("language", "languageCode"),
    ("set_id", "setId"),
    ("version", "versionNumber (an integer)"),
    ("sex", "patient administrativeGenderCode"),
    ("birth_time", "patient birthTime"),
    ("authors", "author"),
    ("custodian", "custodian id"),
    ("legal_authenticator", "legalAuthenticator"),
    ("service_start", "effectiveTime/low of the first documentationOf/serviceEvent"),
    ("practice_setting", "standardIndustryClassCode of the performer of the main act"),
    ("facility_type", "code of the healthCareFacility of the encompassingEncounter"),
)
_COMPULSORY_WITH_INS: Final = (
    ("birth_name", "family name with qualifier BR"),
    ("birth_given", "given name with qualifier BR"),
    ("given_list", "given name without qualifier (the whole list)"),
    ("birth_place", "birthplace county (COG)"),
)


def problems(header: Element, found: CdaDocument) -> tuple[CdaRemark, ...]:
    """All remarks on this document, each once."""
    return tuple(dict.fromkeys(problem for check in CHECKS for problem in check(header, found)))


def _ins(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    several = patient.distinct_ins(header)
    if not several:
        yield CdaRemark("ins_missing", "recordTarget/patientRole has no id under an INS root.")
    elif len(several) > 1:
        yield CdaRemark("ins_ambiguous", "recordTarget holds several different INS: none is read.")
    elif found.ins is not None and not found.ins.key_valid:
        yield from _ins_flaw(found.ins.matricule)


def _ins_flaw(matricule: str) -> Iterator[CdaRemark]:
    if is_well_formed(matricule):
        yield CdaRemark("ins_key_wrong", "The key of the matricule does not fit its 13 characters.")
    else:
        yield CdaRemark("ins_malformed", "The matricule has not the form of a NIR or NIA.")


def _retired_ins(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    if any(value.partition("^")[0] in RETIRED_INS_OIDS for value in found.local_ids):
        yield CdaRemark(
            "ins_retired", "INS-A and INS-C are withdrawn: send the INS-NIR or INS-NIA."
        )


def _qualifiers(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    name = header.find(path("recordTarget/patientRole/patient/name"))
    for part in () if name is None else name:
        if part.get("qualifier") not in (None, "BR", "CL"):
            yield CdaRemark(
                "name_qualifier_withdrawn",
                "A patient name has a qualifier other than BR and CL.",
                line_of(part),
            )


def _missing(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    rules = _COMPULSORY + (_COMPULSORY_WITH_INS if found.ins else ())
    for field, item in rules:
        value = getattr(found, field) if hasattr(found, field) else header.find(path(field))
        if value is None or value == ():
            yield CdaRemark("item_missing", f"Compulsory item absent: {item}.")
    if header.find(path("componentOf/encompassingEncounter")) is None:
        yield CdaRemark(
            "item_missing", "Compulsory item absent: componentOf/encompassingEncounter."
        )


def _templates(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    roots = [template.partition("^")[0] for template in found.templates]
    for root, name in ((_HL7_FRANCE, "HL7 France"), (_CI_SIS, "CI-SIS")):
        if root not in roots:
            yield CdaRemark("template_missing", f"templateId of {name} absent.")


def _authors(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    if any(author.id is None for author in found.authors):
        yield CdaRemark("author_without_id", "An author has no identifier.")
    # A patient who writes has no organisation (SPEC b.3).
    others = [a for a in found.authors if (a.id or "").partition("^")[0] not in INS_OIDS]
    if others and all(author.organisation is None for author in others):
        yield CdaRemark("author_without_organisation", "No author names his organisation.")
    if found.legal_authenticator is not None and found.legal_authenticator.id is None:
        yield CdaRemark("signer_without_id", "The legalAuthenticator has no identifier.")


def _versions(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    if found.version is None:
        return
    if found.version > 1 and found.replaces is None:
        yield CdaRemark(
            "replaced_document_missing", "A later version names no document it replaces."
        )
    if found.version == 1 and found.replaces is not None:
        yield CdaRemark("replaces_at_first_version", "Version 1 names a document it replaces.")


def _body(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    if found.body.kind is None:
        yield CdaRemark("body_missing", "component holds neither structuredBody nor nonXMLBody.")


CHECKS: Final[tuple[Check, ...]] = (
    _ins,
    _retired_ins,
    _qualifiers,
    _missing,
    _templates,
    _authors,
    _versions,
    _body,
    *CODE_CHECKS,
    *IDENTIFIER_CHECKS,
    *TIME_CHECKS,
)
