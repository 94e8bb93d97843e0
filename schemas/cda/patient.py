"""The patient of a header: INS, local identifiers and traits (SPEC a.5, f.1)."""

from dataclasses import dataclass

from schemas.forms.identity import INS_OIDS, key_is_valid

from .document import PatientIns
from .elements import Element, attribute, identifiers, path, text_of

_IDS = "recordTarget/patientRole/id"
_PATIENT = "recordTarget/patientRole/patient"


@dataclass(frozen=True, slots=True)
class Traits:
    """The traits as the producer knew them. They are never compared with the matricule (TRAP 4)."""

    birth_name: str | None
    birth_given: str | None
    given_list: str | None
    used_name: str | None
    used_given: str | None
    sex: str | None
    birth_time: str | None
    birth_place: str | None


def distinct_ins(document: Element) -> tuple[PatientIns, ...]:
    """Every different INS of the header. Several are a risk of taking the wrong patient."""
    found: dict[tuple[str, str], PatientIns] = {}
    for value in identifiers(document, _IDS):
        oid, _, matricule = value.partition("^")
        if oid in INS_OIDS and matricule:
            found[oid, matricule] = PatientIns(oid, matricule, key_is_valid(matricule))
    return tuple(found.values())


def single_ins(document: Element) -> PatientIns | None:
    """The INS. None when the header has none, or several."""
    found = distinct_ins(document)
    return found[0] if len(found) == 1 else None


def local_ids(document: Element) -> tuple[str, ...]:
    """The other identifiers of the patient, retired kinds of INS included."""
    return tuple(
        value
        for value in identifiers(document, _IDS)
        if value.partition("^")[0] not in INS_OIDS or "^" not in value
    )


def traits(document: Element) -> Traits:
    """Traits. Names by qualifier: BR of birth, CL in use, without for the list of given names."""
    return Traits(
        birth_name=_name(document, "family", "BR"),
        birth_given=_name(document, "given", "BR"),
        given_list=_name(document, "given", None),
        used_name=_name(document, "family", "CL"),
        used_given=_name(document, "given", "CL"),
        sex=attribute(document, f"{_PATIENT}/administrativeGenderCode", "code"),
        birth_time=attribute(document, f"{_PATIENT}/birthTime", "value"),
        birth_place=text_of(document.find(path(f"{_PATIENT}/birthplace/place/addr/county"))),
    )


def _name(document: Element, part: str, qualifier: str | None) -> str | None:
    names = (
        text_of(element)
        for element in document.iterfind(path(f"{_PATIENT}/name/{part}"))
        if element.get("qualifier") == qualifier
    )
    return " ".join(name for name in names if name) or None
