"""The rules of the national minimal structure for CDA headers, as XPath that must be true.

Facts of our own wording, one row per rule: where it applies (every element found there), what must
hold, and the source: the pattern of the schematron CI-SIS_StructurationMinimale ([S] in
docs/domain/README.md) or a page of docs/domain. `h` is urn:hl7-org:v3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from schemas import valuesets

NAMESPACES: Final = {"h": "urn:hl7-org:v3", "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2"}
_HL7_TIME: Final = "string-length(@value) = 19 and number(substring(@value, 5, 2)) <= 12"
_PREFIXES: Final = ("M", "MLLE", "MME", "DR", "MC", "MG", "PC", "PG", "PR")


@dataclass(frozen=True, slots=True)
class Rule:
    """`test` holds for every node of `context`; `least` of them must be there."""

    context: str
    test: str
    source: str
    least: int = 0


def _one_of(path: str, values: tuple[str, ...]) -> str:
    return " or ".join(f"{path} = '{value}'" for value in values)


def _person_rules(holder: str, source: str) -> tuple[Rule, ...]:
    person = f"//h:{holder}/h:assignedPerson"
    name = f"{person}/h:name"
    return (
        Rule(person, "count(h:name) = 1", source),
        Rule(name, "count(h:family) = 1 and count(h:given) <= 1", source),
        Rule(name, "count(h:prefix) <= 1 and count(h:suffix) <= 1", source),
        Rule(f"{name}/h:prefix", _one_of(".", _PREFIXES), source),
        Rule(f"{name}/h:suffix", _one_of(".", _PREFIXES[3:]), source),
        Rule(
            f"//h:{holder}/h:representedOrganization",
            "(not(h:id) or h:id/@root = '1.2.250.1.71.4.2.2') and count(h:name) <= 1",
            source,
        ),
    )


_DOCUMENT: Final = "/h:ClinicalDocument"
_PATIENT: Final = f"{_DOCUMENT}/h:recordTarget/h:patientRole"
_EVENT: Final = f"{_DOCUMENT}/h:documentationOf/h:serviceEvent"
_ENCOUNTER: Final = f"{_DOCUMENT}/h:componentOf/h:encompassingEncounter"

RULES: Final[tuple[Rule, ...]] = (
    Rule(_DOCUMENT, "count(h:realmCode) = 1 and h:realmCode/@code = 'FR'", "modeleEntete_fr", 1),
    Rule(
        _DOCUMENT,
        "h:typeId[@root = '2.16.840.1.113883.1.3'][@extension = 'POCD_HD000040']",
        "modeleEntete_fr",
    ),
    Rule(_DOCUMENT, "count(h:templateId) >= 3", "modeleEntete_fr"),
    Rule(_DOCUMENT, "h:templateId/@root = '2.16.840.1.113883.2.8.2.1'", "modeleEntete_fr"),
    Rule(_DOCUMENT, "h:templateId/@root = '1.2.250.1.213.1.1.1.1'", "modeleEntete_fr"),
    Rule(
        _DOCUMENT,
        "not(h:templateId/@root = '1.3.6.1.4.1.19376.1.2.20') or count(h:templateId) = 3",
        "variablesSM",
    ),
    Rule(
        _DOCUMENT,
        "not(h:component/h:nonXMLBody) or h:templateId/@root = '1.3.6.1.4.1.19376.1.2.20'",
        "variablesSM",
    ),
    Rule(_DOCUMENT, "h:id/@root and h:title", "modeleEntete_fr"),
    Rule(
        f"{_DOCUMENT}/h:code", "@code and @codeSystem and @displayName", "modeleEntete_fr", least=1
    ),
    Rule(f"{_DOCUMENT}/h:effectiveTime", _HL7_TIME, "documentEffectiveTime (IVL_TS)", least=1),
    Rule(f"{_DOCUMENT}/h:effectiveTime", "not(*) and not(@nullFlavor)", "documentEffectiveTime"),
    Rule(
        f"{_DOCUMENT}/h:confidentialityCode",
        "@codeSystem = '2.16.840.1.113883.5.25' and @displayName and "
        "(@code = 'N' or @code = 'R' or @code = 'V')",
        "JDV_confidentialityCode; SPEC c.4",
        least=1,
    ),
    Rule(f"{_DOCUMENT}/h:languageCode", "@code = 'fr-FR'", "modeleEntete_fr", least=1),
    Rule(f"{_DOCUMENT}/h:setId", "@root", "SPEC f.1", least=1),
    Rule(f"{_DOCUMENT}/h:versionNumber", "number(@value) >= 1", "SPEC f.1", least=1),
    Rule(
        _DOCUMENT,
        "count(h:recordTarget) = 1 and count(h:legalAuthenticator) = 1",
        "modeleEntete_fr",
    ),
    Rule(_DOCUMENT, "h:documentationOf and count(h:componentOf) = 1", "modeleEntete_fr"),
    Rule(_DOCUMENT, "count(h:relatedDocument) <= 1 and h:author and h:custodian", "SPEC f.1"),
    Rule(_PATIENT, "not(h:id/@nullFlavor) and count(h:patient/h:name) = 1", "recordTarget_fr", 1),
    Rule(
        f"{_PATIENT}/h:patient",
        "not(h:religiousAffiliationCode or h:raceCode or h:ethnicGroupCode)",
        "recordTarget_fr",
    ),
    Rule(
        f"{_PATIENT}/h:patient",
        "h:birthTime and h:administrativeGenderCode and h:name/h:family[@qualifier = 'BR'] and "
        "h:name/h:given[@qualifier = 'BR']",
        "recordTarget_fr",
    ),
    Rule(
        f"{_PATIENT}/h:patient",
        "h:name/h:given[not(@qualifier)] and h:birthplace/h:place/h:addr/h:county",
        "SPEC a.5",
    ),
    Rule(
        f"{_PATIENT}/h:patient/h:name/h:family",
        "@qualifier = 'BR' or @qualifier = 'CL'",
        "recordTarget_fr",
        least=1,
    ),
    Rule(
        f"{_PATIENT}/h:patient/h:name/h:given",
        "not(@qualifier) or @qualifier = 'BR' or @qualifier = 'CL'",
        "recordTarget_fr",
    ),
    Rule(
        "//h:addr",
        "(count(@*) = 0 and *) or (@use and *) or (count(@*) = 1 and @nullFlavor and not(*))",
        "addr",
        least=1,
    ),
    Rule(
        "//h:addr[h:streetAddressLine]",
        "not(h:postalCode or h:city or h:country or h:houseNumber or h:streetName)",
        "addr",
    ),
    Rule(
        "//h:telecom[not(@nullFlavor)]",
        "string-length(substring-after(@value, ':')) > 0 and ("
        + _one_of("substring-before(@value, ':')", ("tel", "fax", "mailto", "http", "ftp", "mllp"))
        + ")",
        "telecom",
        least=1,
    ),
    Rule(
        "//h:telecom[@use]",
        _one_of("@use", ("H", "HP", "HV", "WP", "DIR", "PUB", "EC", "MC", "PG")),
        "telecom",
    ),
    Rule(f"{_DOCUMENT}/h:author", "h:time/@value or h:time/@nullFlavor", "author_fr", least=1),
    Rule("//h:author/h:assignedAuthor", "h:id", "SPEC f.1", least=1),
    Rule(
        f"{_DOCUMENT}/h:author/h:assignedAuthor",
        "h:assignedPerson or h:assignedAuthoringDevice/h:softwareName",
        "SPEC f.1",
    ),
    Rule("//h:assignedEntity", "count(h:id) = 1", "assignedEntity_fr", least=1),
    Rule(
        "//h:assignedEntity",
        "(h:id/@root and h:id/@extension) or h:id/@nullFlavor",
        "assignedEntity_fr",
    ),
    *_person_rules("assignedAuthor", "assignedAuthor_fr"),
    *_person_rules("assignedEntity", "assignedEntity_fr"),
    Rule(
        "//h:representedCustodianOrganization",
        "count(h:id) = 1 and (h:id/@root = '1.2.250.1.71.4.2.2' or "
        "h:id/@root = '1.2.250.1.213.4.1' or h:id/@nullFlavor)",
        "custodian_fr",
        least=1,
    ),
    Rule(
        "//h:informationRecipient/h:intendedRecipient",
        "not(h:id) or (h:id/@root = '1.2.250.1.71.4.2.1' and h:id/@extension)",
        "informationRecipient_fr",
    ),
    Rule(
        "//h:intendedRecipient/h:informationRecipient/h:name",
        "count(h:family) = 1 and count(h:given) <= 1",
        "informationRecipient_fr",
    ),
    Rule(
        f"{_DOCUMENT}/h:legalAuthenticator",
        "h:time/@value and h:signatureCode/@code = 'S' and h:assignedEntity/h:assignedPerson",
        "legalAuthenticator_fr",
        least=1,
    ),
    Rule(
        f"{_DOCUMENT}/h:participant",
        "(not(h:time/h:low) or h:time/h:low/@value) and (not(h:time/h:high) or "
        "h:time/h:high/@value)",
        "participant_fr",
    ),
    Rule(
        "//h:participant/h:associatedEntity",
        _one_of(
            "@classCode",
            ("PROV", "AGNT", "ECON", "GUARD", "QUAL", "POLHOLD", "CON", "CAREGIVER", "PAT"),
        ),
        "participant_fr",
    ),
    Rule(
        "//h:participant/h:associatedEntity/h:code",
        "@nullFlavor or (@code and @codeSystem and @displayName)",
        "participant_fr",
    ),
    Rule("//h:inFulfillmentOf/h:order", "count(h:id) = 1 and h:id/@root", "inFulfillmentOf_fr"),
    Rule("//h:documentationOf", "h:serviceEvent", "documentationOf_fr", least=1),
    Rule(
        f"{_EVENT}/h:code",
        "@nullFlavor or (@code and @codeSystem and @displayName)",
        "documentationOf_fr",
    ),
    Rule(_EVENT, "count(h:performer) <= 1", "documentationOf_fr"),
    Rule(f"{_EVENT}/h:effectiveTime", "h:low and not(@nullFlavor)", "documentationOf_fr", least=1),
    Rule(
        f"{_EVENT}/h:performer",
        "@typeCode = 'PRF' and not(@nullFlavor) and "
        "h:assignedEntity/h:representedOrganization/h:standardIndustryClassCode",
        "documentationOf_fr",
        least=1,
    ),
    Rule(
        f"{_DOCUMENT}/h:documentationOf[1]/h:serviceEvent",
        "h:effectiveTime/h:low/@value and h:performer",
        "SPEC f.1",
        least=1,
    ),
    Rule(
        f"{_EVENT}/lab:statusCode",
        "(@code = 'active' or @code = 'completed') and "
        "(../../../h:code/@code = '11502-2' or ../../../h:code/@code = '11526-1')",
        "serviceEventLabStatusCode",
    ),
    Rule(
        "//h:relatedDocument",
        "@typeCode = 'RPLC' and count(h:parentDocument/h:id) = 1 and h:parentDocument/h:id/@root"
        " and not(h:parentDocument/h:setId)",
        "relatedDocument_fr",
    ),
    Rule(_ENCOUNTER, "count(h:location) = 1", "componentOf_fr; SPEC f.1", least=1),
    Rule(f"{_ENCOUNTER}/h:id", "@root", "componentOf_fr"),
    Rule(f"{_ENCOUNTER}/h:code", "@code and @codeSystem and @displayName", "componentOf_fr"),
)

CODES: Final[tuple[tuple[str, frozenset[tuple[str, str]], str], ...]] = tuple(
    (path, frozenset((entry.code, entry.system) for entry in listed.values()), source)
    for path, listed, source in (
        (f"{_DOCUMENT}/h:code", valuesets.TYPES, "JDV_typeCode (J07)"),
        ("//h:author/h:functionCode", valuesets.AUTHOR_ROLES, "JDV_authorFunctionCode (J47)"),
        (
            "//h:author/h:assignedAuthor/h:code",
            valuesets.AUTHOR_SPECIALTIES,
            "JDV_authorSpecialty (J01)",
        ),
        (
            "//h:legalAuthenticator/h:assignedEntity/h:code",
            valuesets.AUTHOR_SPECIALTIES,
            "JDV_legalAuthenticatorSpecialty (J01)",
        ),
        (
            "//h:participant/h:associatedEntity/h:code",
            valuesets.AUTHOR_SPECIALTIES,
            "JDV_participantAssociatedEntityCode (J01)",
        ),
        (
            "//h:standardIndustryClassCode",
            valuesets.PRACTICE_SETTINGS,
            "JDV_standardIndustryClassCode (J04)",
        ),
        (
            f"{_ENCOUNTER}/h:location/h:healthCareFacility/h:code",
            valuesets.FACILITIES,
            "JDV_healthcareFacilityCode (J02)",
        ),
        (
            f"{_PATIENT}/h:patient/h:administrativeGenderCode",
            valuesets.GENDERS,
            "JDV_administrativeGenderCode (J143)",
        ),
    )
)
"""Elements whose (code, system) must be in a value set; nullFlavor is left alone."""

ENCOUNTER_TYPES: Final = frozenset(
    {(code, "2.16.840.1.113883.5.4") for code in ("IMP", "EMER", "AMB", "FLD", "HH", "VR")}
    | {(code, "1.2.250.1.213.1.1.4.2.291") for code in ("EXTERNE", "SEANCE")}
)

_SCHEMA_ORDER: Final = """
ClinicalDocument: realmCode typeId templateId id code title effectiveTime confidentialityCode
    languageCode setId versionNumber copyTime recordTarget author dataEnterer informant custodian
    informationRecipient legalAuthenticator authenticator participant inFulfillmentOf
    documentationOf relatedDocument authorization componentOf component
patientRole: id addr telecom patient providerOrganization
patient: id name administrativeGenderCode birthTime maritalStatusCode guardian birthplace
    languageCommunication
author: templateId functionCode time assignedAuthor
assignedAuthor: templateId id code addr telecom assignedPerson assignedAuthoringDevice
    representedOrganization
assignedEntity: templateId id code addr telecom assignedPerson representedOrganization
representedOrganization: id name telecom addr standardIndustryClassCode
representedCustodianOrganization: id name telecom addr
scopingOrganization: id name telecom addr standardIndustryClassCode
receivedOrganization: id name telecom addr standardIndustryClassCode
intendedRecipient: id addr telecom informationRecipient receivedOrganization
legalAuthenticator: templateId time signatureCode assignedEntity
associatedEntity: id code addr telecom associatedPerson scopingOrganization
serviceEvent: templateId id code statusCode effectiveTime performer
parentDocument: id code text setId versionNumber
encompassingEncounter: id code effectiveTime dischargeDispositionCode responsibleParty
    encounterParticipant location
healthCareFacility: id code location serviceProviderOrganization
section: templateId id code title text confidentialityCode languageCode subject author informant
    entry component
"""
"""Order of children in the CDA R2 schema (POCD_MT000040), for the elements we write."""

_ORDER_OF: Final = {
    name: order.split()
    for name, _, order in (
        row.partition(": ") for row in _SCHEMA_ORDER.replace("\n    ", " ").strip().splitlines()
    )
}


def broken(document: etree._Element) -> list[str]:
    """The rules this document breaks."""
    return [*_broken_rules(document), *_broken_codes(document)]


def out_of_order(document: etree._Element) -> list[str]:
    """The elements whose children do not stand in the order of the CDA R2 schema."""
    found = []
    for name, order in _ORDER_OF.items():
        for element in document.iter(f"{{urn:hl7-org:v3}}{name}"):
            children = [etree.QName(child).localname for child in element]
            places = [order.index(child) if child in order else -1 for child in children]
            if -1 in places or places != sorted(places):
                found.append(f"{name}: {children}")
    return found


def _broken_rules(document: etree._Element) -> list[str]:
    found = []
    for rule, context, test in _COMPILED:
        nodes = _elements(context(document))
        if len(nodes) < rule.least:
            found.append(f"{rule.source}: {rule.context} absent")
        found += [f"{rule.source}: {rule.context}: {rule.test}" for node in nodes if not test(node)]
    return found


def _broken_codes(document: etree._Element) -> list[str]:
    encounter = (f"{_ENCOUNTER}/h:code", ENCOUNTER_TYPES, "JDV_encompassingEncounterCode (J142)")
    found = []
    for path, allowed, source in (*CODES, encounter):
        for node in _elements(document.xpath(path, namespaces=NAMESPACES)):
            if node.get("nullFlavor") is None and _code(node) not in allowed:
                found.append(f"{source}: {path} {_code(node)}")
    return found


def _elements(found: object) -> list[etree._Element]:
    assert isinstance(found, list)
    return found


def _code(node: etree._Element) -> tuple[str, str]:
    return node.get("code", ""), node.get("codeSystem", "")


_COMPILED: Final = tuple(
    (
        rule,
        etree.XPath(rule.context, namespaces=NAMESPACES),
        etree.XPath(f"boolean({rule.test})", namespaces=NAMESPACES),
    )
    for rule in RULES
)
