"""Headers of CDA R2 documents that keep the rules of the minimal structure (CI-SIS; SPEC c, f.1).

Element order is that of the CDA R2 schema. Fragments that repeat (a person, an organisation, a
patient) are written once and kept.
"""

from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from schemas import valuesets

from .moments import literal
from .patients import Patient
from .planned import PlannedDocument
from .practice import ORGANISATION_ROOT, PERSON_ROOT, Organisation, Professional
from .tables import DocumentKind

_ENCOUNTERS: Final = {
    "IMP": ("2.16.840.1.113883.5.4", "Hospitalisation (établissement, y compris HAD)"),
    "EMER": ("2.16.840.1.113883.5.4", "Passage aux urgences (établissement)"),
    "AMB": ("2.16.840.1.113883.5.4", "Ambulatoire (hors établissement)"),
    "HH": ("2.16.840.1.113883.5.4", "Soins à domicile (hors établissement)"),
    "VR": ("2.16.840.1.113883.5.4", "Virtuelle (exemple : RCP en l'absence du patient)"),
    "EXTERNE": ("1.2.250.1.213.1.1.4.2.291", "Acte et consultation externe (établissement)"),
    "SEANCE": ("1.2.250.1.213.1.1.4.2.291", "Séance (établissement ou libéral)"),
}
"""Types of encounter (J142)."""

_OPENING: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    '<realmCode code="FR"/>'
    '<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>'
    '<templateId root="2.16.840.1.113883.2.8.2.1"/>'
    '<templateId root="1.2.250.1.213.1.1.1.1"/>'
)
_CONFIDENTIALITY: Final = (
    '<confidentialityCode code="N" displayName="Normal" codeSystem="2.16.840.1.113883.5.25"/>'
    '<languageCode code="fr-FR"/>'
)


def coded(tag: str, code: str, system: str, display: str) -> str:
    """An element with code, codeSystem and displayName."""
    shown = quoteattr(display)
    return f'<{tag} code="{code}" codeSystem="{system}" displayName={shown}/>'


def identified(root: str, extension: str) -> str:
    """An id element."""
    return f'<id root="{root}" extension="{extension}"/>'


class HeaderWriter:
    """Writes headers; keeps the fragments it has written."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], str] = {}

    def header(self, document: PlannedDocument) -> str:
        """All of a document up to its body, the root element left open."""
        return "".join(
            (
                _OPENING,
                self._model(document.kind),
                self._identity(document),
                self._patient(document.patient, document.author.organisation),
                self._author(document),
                self._custodian(document.author.organisation),
                self._recipient(document),
                self._signer(document),
                self._prescriber(document),
                self._order(document),
                self._acts(document),
                _related(document),
                self._encounter(document),
            )
        )

    def entity(self, person: Professional, *, frame: bool = False) -> str:
        """An assignedEntity; with `frame`, its organisation names the frame of care."""
        return self._keep(
            ("entity", str(frame), *_who(person)),
            lambda: f"<assignedEntity>{self._person(person, frame)}</assignedEntity>",
        )

    def assigned_author(self, person: Professional) -> str:
        """An assignedAuthor."""
        return self._keep(
            ("author", *_who(person)),
            lambda: f"<assignedAuthor>{self._person(person, False)}</assignedAuthor>",
        )

    def _keep(self, key: tuple[str, ...], make: Callable[[], str]) -> str:
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = make()
        return found

    def _model(self, kind: DocumentKind) -> str:
        return self._keep(("model", kind.name, kind.type_code), lambda: _templates(kind))

    def _identity(self, document: PlannedDocument) -> str:
        kind = document.kind
        entry = valuesets.TYPES[kind.type_code]
        created = literal(document.created, document.author.organisation.zone)
        return (
            f'<id root="{document.uid}"/>'
            f"{coded('code', entry.code, entry.system, entry.label)}"
            f"<title>{escape(kind.title)}</title>"
            f'<effectiveTime value="{created}"/>{_CONFIDENTIALITY}'
            f'<setId root="{document.set_id}"/><versionNumber value="{document.version}"/>'
        )

    def _patient(self, patient: Patient, organisation: Organisation) -> str:
        return self._keep(
            ("patient", patient.matricule, organisation.id),
            lambda: _record_target(patient, organisation),
        )

    def _author(self, document: PlannedDocument) -> str:
        author = document.author
        written = literal(document.created, author.organisation.zone)
        return (
            f"<author>{_function(document.kind.function)}"
            f'<time value="{written}"/>{self.assigned_author(author)}</author>'
        )

    def _custodian(self, organisation: Organisation) -> str:
        return self._keep(
            ("custodian", organisation.id),
            lambda: (
                "<custodian><assignedCustodian><representedCustodianOrganization>"
                f"{_organisation(organisation)}"
                "</representedCustodianOrganization></assignedCustodian></custodian>"
            ),
        )

    def _recipient(self, document: PlannedDocument) -> str:
        person = document.prescriber
        if person is None or not document.kind.recipient:
            return ""
        return self._keep(("recipient", *_who(person)), lambda: _information_recipient(person))

    def _signer(self, document: PlannedDocument) -> str:
        signed = literal(document.signed, document.signer.organisation.zone)
        return (
            f'<legalAuthenticator><time value="{signed}"/><signatureCode code="S"/>'
            f"{self.entity(document.signer, frame=True)}</legalAuthenticator>"
        )

    def _prescriber(self, document: PlannedDocument) -> str:
        person = document.prescriber
        if person is None or not document.kind.prescriber:
            return ""
        asked = literal(document.act_start, person.organisation.zone)
        associated = self._keep(("associated", *_who(person)), lambda: _associated(person))
        return (
            f'<participant typeCode="REF"><time><high value="{asked}"/></time>'
            f"{associated}</participant>"
        )

    def _order(self, document: PlannedDocument) -> str:
        if document.order is None:
            return ""
        root = document.author.organisation.patient_root
        return (
            f"<inFulfillmentOf><order>{identified(f'{root}.2', document.order)}</order>"
            "</inFulfillmentOf>"
        )

    def _acts(self, document: PlannedDocument) -> str:
        main, *others = document.acts
        low, high = act_times(document)
        status = _LAB_STATUS[document.status] if document.kind.status_code else ""
        stop = f'<high value="{high}"/>' if high else ""
        return (
            f"<documentationOf><serviceEvent>{coded('code', main.code, main.system, main.display)}"
            f'{status}<effectiveTime><low value="{low}"/>{stop}</effectiveTime>'
            f'<performer typeCode="PRF">{self.entity(document.author, frame=True)}</performer>'
            "</serviceEvent></documentationOf>"
        ) + "".join(
            "<documentationOf><serviceEvent>"
            f"{coded('code', act.code, act.system, act.display)}"
            "</serviceEvent></documentationOf>"
            for act in others
        )

    def _encounter(self, document: PlannedDocument) -> str:
        organisation = document.author.organisation
        code = document.kind.encounter
        system, display = _ENCOUNTERS[code]
        low = literal(document.act_start, organisation.zone)
        place = valuesets.FACILITIES[organisation.facility_type]
        return (
            "<componentOf><encompassingEncounter>"
            f"{coded('code', code, system, display)}"
            f'<effectiveTime><low value="{low}"/></effectiveTime><location><healthCareFacility>'
            f"{identified(ORGANISATION_ROOT, organisation.id)}"
            f"{coded('code', place.code, place.system, place.label)}"
            "</healthCareFacility></location></encompassingEncounter></componentOf>"
        )

    def _person(self, person: Professional, frame: bool) -> str:
        organisation = person.organisation
        specialty = valuesets.AUTHOR_SPECIALTIES[person.specialty]
        return (
            f"{identified(PERSON_ROOT, person.id)}"
            f"{coded('code', specialty.code, specialty.system, specialty.label)}"
            f"{_address(organisation)}{_telecom(organisation)}"
            f"<assignedPerson>{_name(person)}</assignedPerson>"
            f"<representedOrganization>{_organisation(organisation)}"
            f"{_frame(organisation) if frame else ''}</representedOrganization>"
        )


_LAB_STATUS: Final = {
    "partial": '<lab:statusCode code="active"/>',
    "complete": '<lab:statusCode code="completed"/>',
}


def act_times(document: PlannedDocument) -> tuple[str, str | None]:
    """Start and stop of the main act as literals; no stop where it would say nothing more."""
    zone = document.author.organisation.zone
    low = literal(document.act_start, zone, document.act_precision)
    if document.act_precision == "day":
        return low, None
    high = literal(document.act_stop, zone, document.act_precision)
    return low, None if high == low else high


def _who(person: Professional) -> tuple[str, str]:
    return person.id, person.organisation.id


def _templates(kind: DocumentKind) -> str:
    if kind.body == "pdf":
        return f'<templateId root="{valuesets.UNSTRUCTURED_TEMPLATE}"/>'
    return "".join(
        f'<templateId root="{root}" extension="{extension}"/>'
        if extension
        else f'<templateId root="{root}"/>'
        for root, extension in kind.templates
    )


def _function(code: str | None) -> str:
    if code is None:
        return ""
    entry = valuesets.AUTHOR_ROLES[code]
    return coded("functionCode", entry.code, entry.system, entry.label)


def _name(person: Professional) -> str:
    return (
        f"<name><prefix>{person.civility}</prefix><given>{escape(person.given)}</given>"
        f"<family>{escape(person.family)}</family><suffix>DR</suffix></name>"
    )


def _address(place: Organisation | Patient) -> str:
    return (
        f"<addr><houseNumber>{place.house}</houseNumber>"
        f"<streetName>{escape(place.street)}</streetName>"
        f"<postalCode>{place.postcode}</postalCode><city>{escape(place.city)}</city></addr>"
    )


def _telecom(organisation: Organisation) -> str:
    return f'<telecom value="tel:{organisation.phone}" use="WP"/>'


def _organisation(organisation: Organisation) -> str:
    return (
        f"{identified(ORGANISATION_ROOT, organisation.id)}<name>{escape(organisation.name)}</name>"
        f"{_telecom(organisation)}{_address(organisation)}"
    )


def _frame(organisation: Organisation) -> str:
    entry = valuesets.PRACTICE_SETTINGS[organisation.practice_setting]
    return coded("standardIndustryClassCode", entry.code, entry.system, entry.label)


def _record_target(patient: Patient, organisation: Organisation) -> str:
    sex = valuesets.GENDERS[patient.sex]
    return (
        f"<recordTarget><patientRole>{identified(patient.oid, patient.matricule)}"
        f"{identified(organisation.patient_root, patient.local_number)}{_address(patient)}"
        f'<telecom value="tel:{patient.phone}" use="MC"/>'
        f'<patient><name><family qualifier="BR">{escape(patient.birth_name)}</family>'
        f"<given>{escape(patient.given_list)}</given>"
        f'<given qualifier="BR">{escape(patient.birth_given)}</given>'
        f'<family qualifier="CL">{escape(patient.used_name)}</family>'
        f'<given qualifier="CL">{escape(patient.used_given)}</given></name>'
        f"{coded('administrativeGenderCode', sex.code, sex.system, sex.label)}"
        f'<birthTime value="{patient.birth_date}"/>'
        f"<birthplace><place><addr><county>{patient.birth_place}</county>"
        f"<city>{escape(patient.birth_city)}</city></addr></place></birthplace>"
        "</patient></patientRole></recordTarget>"
    )


def _information_recipient(person: Professional) -> str:
    return (
        '<informationRecipient typeCode="PRCP"><intendedRecipient>'
        f"{identified(PERSON_ROOT, person.id)}{_telecom(person.organisation)}"
        f"<informationRecipient>{_name(person)}</informationRecipient>"
        f"<receivedOrganization>{_organisation(person.organisation)}</receivedOrganization>"
        "</intendedRecipient></informationRecipient>"
    )


def _associated(person: Professional) -> str:
    entry = valuesets.AUTHOR_SPECIALTIES[person.specialty]
    return (
        f'<associatedEntity classCode="PROV">{identified(PERSON_ROOT, person.id)}'
        f"{coded('code', entry.code, entry.system, entry.label)}"
        f"{_address(person.organisation)}{_telecom(person.organisation)}"
        f"<associatedPerson>{_name(person)}</associatedPerson>"
        f"<scopingOrganization>{_organisation(person.organisation)}</scopingOrganization>"
        "</associatedEntity>"
    )


def _related(document: PlannedDocument) -> str:
    if document.replaces is None:
        return ""
    return (
        f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{document.replaces}"/>'
        f'<setId root="{document.set_id}"/><versionNumber value="{document.version - 1}"/>'
        "</parentDocument></relatedDocument>"
    )
