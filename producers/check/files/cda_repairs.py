"""Valid values for a CDA that `histoire send` refuses, so that the next fault is found.

The repaired document is never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from producers.check.rules.rule_checker import RuleChecker
from producers.check.rules.valid_values import VALID
from schemas import valuesets
from schemas.cda import Author as CdaAuthor
from schemas.cda import CdaDocument, Coded, LegalAuthenticator, PatientIns
from schemas.forms.identity import accepted_oids

Repair = Callable[[CdaDocument, RuleChecker], CdaDocument]
"""The document with a valid value in one field."""


def _ins(found: CdaDocument, rules: RuleChecker) -> CdaDocument:
    """A document without one INS gets one; the INS that it has gets another OID."""
    ins = found.ins or PatientIns("", VALID["ins"]["matricule"], True)
    return replace(found, ins=replace(ins, oid=min(accepted_oids(rules.environment))))


def _matricule(found: CdaDocument, rules: RuleChecker) -> CdaDocument:
    oid = found.ins.oid if found.ins else min(accepted_oids(rules.environment))
    return replace(found, ins=PatientIns(oid, VALID["ins"]["matricule"], True))


def _type(found: CdaDocument, rules: RuleChecker) -> CdaDocument:
    code = VALID["document"]["typeCode"]
    return replace(found, type=Coded(code, ""), class_code=valuesets.class_of(code))


def _signer(found: CdaDocument, rules: RuleChecker) -> CdaDocument:
    valid = VALID["document"]["legalAuthenticatorId"]
    return replace(found, legal_authenticator=LegalAuthenticator(valid, None, None))


def _signature(found: CdaDocument, rules: RuleChecker) -> CdaDocument:
    signer = found.legal_authenticator
    return replace(found, legal_authenticator=signer and replace(signer, time=None))


def _authors(found: CdaDocument, rules: RuleChecker) -> CdaDocument:
    valid = VALID["document"]["authors"][0]["id"]
    return replace(
        found,
        authors=(
            CdaAuthor(
                id=valid,
                device=None,
                name=None,
                specialty=None,
                function_code=None,
                function_display=None,
                organisation=None,
                organisation_name=None,
            ),
        ),
    )


def _field(name: str, of_document: str) -> Callable[[CdaDocument, RuleChecker], CdaDocument]:
    value = VALID["document"][of_document]
    return lambda found, rules: replace(found, **{name: value})


REPAIRS: Final[Mapping[str, Repair]] = {
    "ins": _ins,
    "ins.oid": _ins,
    "ins.matricule": _matricule,
    "document.typeCode": _type,
    "document.classCode": _type,
    "document.authors": _authors,
    "document.legalAuthenticatorId": _signer,
    "document.legalAuthenticationTime": _signature,
    "document.uniqueId": _field("unique_id", "uniqueId"),
    "document.replaces": _field("replaces", "replaces"),
    "document.formatCode": _field("format_code", "formatCode"),
    "document.languageCode": _field("language", "languageCode"),
    "document.title": _field("title", "title"),
    "document.creationTime": _field("creation_time", "creationTime"),
    "document.serviceStartTime": _field("service_start", "serviceStartTime"),
    "document.serviceStopTime": _field("service_stop", "serviceStopTime"),
    "document.healthcareFacilityTypeCode": _field("facility_type", "healthcareFacilityTypeCode"),
    "document.practiceSettingCode": _field("practice_setting", "practiceSettingCode"),
    "document.confidentialityCode": _field("confidentiality", "confidentialityCode"),
}
"""By the path of the field that the refusal names."""
