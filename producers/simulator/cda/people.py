"""People and machines in CDA headers: authors, signers, performers, prescribers, recipients."""

from xml.sax.saxutils import escape

from producers.simulator.population.authors import Machine, PatientAuthor, Writer
from producers.simulator.population.organisation import Organisation
from producers.simulator.population.patient import Patient
from producers.simulator.population.professional import Professional
from schemas import valuesets
from schemas.forms.health_identifiers import PERSON_ROOT

from .elements import (
    UNKNOWN_PLACE,
    address,
    coded,
    frame_of_care,
    identified,
    organisation_inside,
    telecom,
)


def who(writer: Writer) -> tuple[str, str]:
    """The key of a writer: his identifier and that of his organisation."""
    return writer.id, writer.organisation.id


def assigned_author(writer: Writer) -> str:
    """An assignedAuthor."""
    match writer:
        case Professional():
            inside = _professional(writer, framed=False)
        case PatientAuthor():
            inside = _patient_writer(writer)
        case Machine():
            name = escape(writer.name)
            inside = _machine(
                writer,
                f"<assignedAuthoringDevice><manufacturerModelName>.</manufacturerModelName>"
                f"<softwareName>{name}</softwareName></assignedAuthoringDevice>",
                framed=False,
            )
    return f"<assignedAuthor>{inside}</assignedAuthor>"


def assigned_entity(writer: Writer, *, framed: bool) -> str:
    """An assignedEntity; `framed`: its organisation names the practice setting (J04)."""
    match writer:
        case Professional():
            inside = _professional(writer, framed=framed)
        case PatientAuthor():
            inside = _patient_writer(writer) + (_frame_alone(writer.organisation) if framed else "")
        case Machine():
            person = (
                f"<assignedPerson><name><family>{escape(writer.name)}</family></name>"
                "</assignedPerson>"
            )
            inside = _machine(writer, person, framed=framed)
    return f"<assignedEntity>{inside}</assignedEntity>"


def information_recipient(person: Professional) -> str:
    """The professional a document is for."""
    return (
        '<informationRecipient typeCode="PRCP"><intendedRecipient>'
        f"{identified(PERSON_ROOT, person.id)}{telecom(person.organisation)}"
        f"<informationRecipient>{_name(person)}</informationRecipient>"
        f"<receivedOrganization>{organisation_inside(person.organisation)}</receivedOrganization>"
        "</intendedRecipient></informationRecipient>"
    )


def associated_entity(person: Professional) -> str:
    """A professional who takes part: the prescriber."""
    entry = valuesets.AUTHOR_SPECIALTIES[person.specialty]
    return (
        f'<associatedEntity classCode="PROV">{identified(PERSON_ROOT, person.id)}'
        f"{coded('code', entry.code, entry.system, entry.label)}"
        f"{address(person.organisation)}{telecom(person.organisation)}"
        f"<associatedPerson>{_name(person)}</associatedPerson>"
        f"<scopingOrganization>{organisation_inside(person.organisation)}</scopingOrganization>"
        "</associatedEntity>"
    )


def record_target(patient: Patient, local_id: str) -> str:
    """The patient, with the id element of his local number where there is one."""
    sex = valuesets.GENDERS[patient.sex]
    return (
        f"<recordTarget><patientRole>{identified(patient.oid, patient.matricule)}"
        f"{local_id}{address(patient)}"
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


def _name(person: Professional) -> str:
    suffix = "<suffix>DR</suffix>" if person.is_doctor else ""
    return (
        f"<name><prefix>{person.civility}</prefix><given>{escape(person.given)}</given>"
        f"<family>{escape(person.family)}</family>{suffix}</name>"
    )


def _specialty(writer: Writer) -> str:
    entry = valuesets.AUTHOR_SPECIALTIES[writer.specialty]
    return coded("code", entry.code, entry.system, entry.label)


def _professional(person: Professional, *, framed: bool) -> str:
    organisation = person.organisation
    return (
        f"{identified(PERSON_ROOT, person.id)}{_specialty(person)}"
        f"{address(organisation)}{telecom(organisation)}"
        f"<assignedPerson>{_name(person)}</assignedPerson>"
        f"<representedOrganization>{organisation_inside(organisation)}"
        f"{frame_of_care(organisation) if framed else ''}</representedOrganization>"
    )


def _patient_writer(writer: PatientAuthor) -> str:
    """The patient has no organisation (SPEC b.3)."""
    patient = writer.patient
    return (
        f"{identified(patient.oid, patient.matricule)}{_specialty(writer)}"
        f'{address(patient)}<telecom value="tel:{patient.phone}" use="MC"/>'
        f"<assignedPerson><name><given>{escape(patient.birth_given)}</given>"
        f"<family>{escape(patient.birth_name)}</family></name></assignedPerson>"
    )


def _machine(writer: Machine, speaks: str, *, framed: bool) -> str:
    organisation = writer.organisation
    return (
        f"{identified(PERSON_ROOT, writer.id)}{_specialty(writer)}{UNKNOWN_PLACE}{speaks}"
        f"<representedOrganization>{organisation_inside(organisation)}"
        f"{frame_of_care(organisation) if framed else ''}</representedOrganization>"
    )


def _frame_alone(organisation: Organisation) -> str:
    return f"<representedOrganization>{frame_of_care(organisation)}</representedOrganization>"
