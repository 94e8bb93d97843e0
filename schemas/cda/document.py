"""The content of a CDA header, as frozen values.

Identifiers are `root^extension` or the root alone; times are the literals of the file. None stands
for an absent value and for a nullFlavor. Class, format and mime type are derived (SPEC c.1, TRAP
22).
"""

from dataclasses import dataclass, field, fields
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class PatientIns:
    """The INS of the patient. `key_valid`: False for a wrong key and for a malformed matricule."""

    oid: str
    matricule: str
    key_valid: bool


@dataclass(frozen=True, slots=True)
class Coded:
    """A code and the OID of its system, empty when the file names none."""

    code: str
    system: str

    def __str__(self) -> str:
        return f"{self.code}@{self.system}" if self.system else self.code


@dataclass(frozen=True, slots=True)
class Author:
    """One author element: a person, or a device. `device`: name of the software."""

    id: str | None
    name: str | None
    function_code: str | None
    function_display: str | None
    specialty: str | None
    organisation: str | None
    organisation_name: str | None
    device: str | None

    @property
    def role(self) -> str | None:
        """`CODE:display` of the functionCode as the file has it; None without one."""
        if self.function_code is None:
            return None
        return f"{self.function_code}:{self.function_display or ''}".rstrip(":")


@dataclass(frozen=True, slots=True)
class LegalAuthenticator:
    """Who answers for the content, and when he signed. The id may be the INS of the patient."""

    id: str | None
    name: str | None
    time: str | None


@dataclass(frozen=True, slots=True)
class Body:
    """The kind of body: `structuredBody`, `nonXMLBody` or None; and the media types of its base64.

    Several media types (embedded copies and images) are sorted and joined by ` | `.
    """

    kind: str | None
    media_type: str | None


@dataclass(frozen=True, slots=True)
class CdaRemark:
    """A remark for the maker of the software. `detail` never holds a value of the file.

    `line`: of the first element concerned, None without one. Remarks that differ only in the line
    are equal.
    """

    code: str
    detail: str
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """The identifier and the patient of a document; both must equal the metadata beside the bytes.

    `ins`: None when the header has no INS, or several different ones.
    """

    unique_id: str | None
    ins: PatientIns | None


_NOT_IN_JSON: Final = frozenset({"used_name", "used_given", "accessions", "studies"})


@dataclass(frozen=True, slots=True)
class CdaDocument:
    """The metadata of one document. `size` in bytes and hashes in lower-case hex: of the file."""

    file: str | None
    size: int
    sha1: str
    sha256: str
    ins: PatientIns | None
    local_ids: tuple[str, ...]
    birth_name: str | None
    birth_given: str | None
    given_list: str | None
    used_name: str | None
    used_given: str | None
    sex: str | None
    birth_time: str | None
    birth_place: str | None
    unique_id: str | None
    set_id: str | None
    version: int | None
    type: Coded | None
    class_code: str | None
    format_code: str | None
    title: str | None
    creation_time: str | None
    confidentiality: str | None
    language: str | None
    templates: tuple[str, ...]
    authors: tuple[Author, ...]
    custodian: str | None
    legal_authenticator: LegalAuthenticator | None
    service_start: str | None
    service_stop: str | None
    event_codes: tuple[Coded, ...]
    practice_setting: str | None
    facility_type: str | None
    orders: tuple[str, ...]
    accessions: tuple[str, ...]
    studies: tuple[str, ...]
    replaces: str | None
    mime_type: str
    body: Body
    problems: tuple[CdaRemark, ...]

    def as_json(self) -> dict[str, Any]:
        """The fields of `histoire cda --json` in their order, ready for orjson."""
        shown: dict[str, Any] = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in _NOT_IN_JSON
        }
        shown["event_codes"] = [str(code) for code in self.event_codes]
        shown["authors"] = [
            {
                "id": author.id,
                "role": author.role,
                "specialty": author.specialty,
                "organisation": author.organisation,
                "device": author.device,
            }
            for author in self.authors
        ]
        signer = self.legal_authenticator
        shown["legal_authenticator"] = signer and {"id": signer.id, "time": signer.time}
        return shown
