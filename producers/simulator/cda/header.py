"""Headers of CDA R2 documents that keep the rules of the minimal structure (CI-SIS; SPEC c, f.1).

Element order is that of the CDA R2 schema. Fragments that repeat (a person, an organisation, a
patient) are written once and kept.
"""

from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape

from producers.simulator.cda.acts import LAB_STATUS, act_code, act_times, encounter_code
from producers.simulator.cda.elements import coded, identified, organisation_id, organisation_inside
from producers.simulator.cda.people import (
    assigned_author,
    assigned_entity,
    associated_entity,
    information_recipient,
    record_target,
    who,
)
from producers.simulator.moments import literal
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.population.authors import PatientAuthor, Writer
from producers.simulator.population.organisation import Organisation
from producers.simulator.population.patient import Patient
from producers.simulator.tables.rows import DocumentKind
from schemas import valuesets

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


class HeaderWriter:
    """Writes headers; keeps the fragments it has written."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], str] = {}

    def header(self, document: PlannedDocument) -> str:
        """The document up to its body; the root element stays open."""
        return "".join(
            (
                _OPENING,
                self._model(document.kind),
                self._identity(document),
                self._patient(document.patient, document.author),
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

    def entity(self, writer: Writer, *, frame: bool = False) -> str:
        """An assignedEntity; with `frame`, its organisation names the practice setting (J04)."""
        return self._keep(
            ("entity", str(frame), *who(writer)), lambda: assigned_entity(writer, framed=frame)
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

    def _patient(self, patient: Patient, author: Writer) -> str:
        if isinstance(author, PatientAuthor):
            return record_target(patient, "")
        organisation = author.organisation
        return self._keep(
            ("patient", patient.matricule, organisation.id),
            lambda: record_target(
                patient, identified(organisation.patient_root, patient.local_number)
            ),
        )

    def _author(self, document: PlannedDocument) -> str:
        author = document.author
        written = literal(document.created, author.organisation.zone)
        assigned = self._keep(("author", *who(author)), lambda: assigned_author(author))
        return (
            f"<author>{_function(document.kind.function)}"
            f'<time value="{written}"/>{assigned}</author>'
        )

    def _custodian(self, organisation: Organisation) -> str:
        return self._keep(
            ("custodian", organisation.id),
            lambda: (
                "<custodian><assignedCustodian><representedCustodianOrganization>"
                f"{organisation_inside(organisation)}"
                "</representedCustodianOrganization></assignedCustodian></custodian>"
            ),
        )

    def _recipient(self, document: PlannedDocument) -> str:
        person = document.prescriber
        if person is None or not document.kind.recipient:
            return ""
        return self._keep(("recipient", *who(person)), lambda: information_recipient(person))

    def _signer(self, document: PlannedDocument) -> str:
        signer = document.signer
        signed = literal(document.signed, signer.organisation.zone)
        framed = not isinstance(signer, PatientAuthor)
        return (
            f'<legalAuthenticator><time value="{signed}"/><signatureCode code="S"/>'
            f"{self.entity(signer, frame=framed)}</legalAuthenticator>"
        )

    def _prescriber(self, document: PlannedDocument) -> str:
        person = document.prescriber
        if person is None or not document.kind.prescriber:
            return ""
        asked = literal(document.act_start, person.organisation.zone)
        associated = self._keep(("associated", *who(person)), lambda: associated_entity(person))
        return (
            f'<participant typeCode="REF"><time><high value="{asked}"/></time>'
            f"{associated}</participant>"
        )

    def _order(self, document: PlannedDocument) -> str:
        if document.order is None:
            return ""
        root = document.author.organisation.patient_root
        return (
            f"<inFulfillmentOf><order>{identified(f'{root}.2', document.order)}"
            f"{_accession(root, document.accession)}</order></inFulfillmentOf>"
        )

    def _acts(self, document: PlannedDocument) -> str:
        main, *others = document.acts
        low, high = act_times(document)
        status = LAB_STATUS[document.status] if document.kind.status_code else ""
        stop = f'<high value="{high}"/>' if high else ""
        study = f'<id root="{document.study}"/>' if document.study else ""
        return (
            f"<documentationOf><serviceEvent>{study}{act_code(main)}"
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
        low = literal(document.act_start, organisation.zone)
        place = valuesets.FACILITIES[organisation.facility_type]
        return (
            "<componentOf><encompassingEncounter>"
            f"{encounter_code(document.kind.encounter)}"
            f'<effectiveTime><low value="{low}"/></effectiveTime><location><healthCareFacility>'
            f"{organisation_id(organisation) if organisation.id else ''}"
            f"{coded('code', place.code, place.system, place.label)}"
            "</healthCareFacility></location></encompassingEncounter></componentOf>"
        )


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


def _accession(root: str, number: str | None) -> str:
    if number is None:
        return ""
    return f'<accessionNumber xmlns="urn:dicom-org:ps3-20" root="{root}.3" extension="{number}"/>'


def _related(document: PlannedDocument) -> str:
    """Identifier and version: the national schematron takes no setId there, which CDA R2 allows."""
    if document.replaces is None:
        return ""
    return (
        f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{document.replaces}"/>'
        f'<versionNumber value="{document.version - 1}"/>'
        "</parentDocument></relatedDocument>"
    )
