"""The CDA that says what the golden deposit says, and what the rules make of both."""

from __future__ import annotations

from typing import Any

from schemas.rules.document.content import content_findings
from schemas.rules.of_messages import RULES_OF, SOFT_RULES_OF
from schemas.rules.table.rejections import Rejection
from tests.samples.deposit import ANNA, DOCTOR, OID, UNIQUE_ID, bytes_of, deposit


def cda(
    *,
    template: str = "1.2.250.1.213.1.1.1.55",
    body: str = "<structuredBody/>",
    creation: str = "20240104160527+0100",
    start: str = "20240104150000+0100",
    facility: str = "SA25",
    setting: str = "AMBULATOIRE",
    level: str = "N",
    language: str = "fr-FR",
    title: str = "Compte rendu d'examens biologiques",
    version: int = 1,
    signer: str = DOCTOR,
    authors: tuple[str, ...] = (DOCTOR,),
    related: str = "",
    matricule: str = ANNA,
) -> bytes:
    """A document that says what `deposit` says."""
    header = (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><templateId root="1.2.250.1.213.1.1.1.1"/>'
        f'<templateId root="{template}"/><id root="{UNIQUE_ID}"/><code code="11502-2"/>'
        f'<title>{title}</title><effectiveTime value="{creation}"/>'
        f'<confidentialityCode code="{level}"/><languageCode code="{language}"/>'
        f'<setId root="1.2.250.1.999.1"/><versionNumber value="{version}"/>'
        f'<recordTarget><patientRole><id root="{OID}" extension="{matricule}"/></patientRole>'
        "</recordTarget>"
    )
    people = "".join(f"<author><assignedAuthor>{_id(a)}</assignedAuthor></author>" for a in authors)
    act = (
        "<documentationOf><serviceEvent><effectiveTime>"
        f'<low value="{start}"/><high value="20240104153000+0100"/></effectiveTime><performer>'
        f'<assignedEntity><representedOrganization><standardIndustryClassCode code="{setting}"/>'
        "</representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>"
    )
    place = (
        "<componentOf><encompassingEncounter><location><healthCareFacility>"
        f'<code code="{facility}"/></healthCareFacility></location></encompassingEncounter>'
        "</componentOf>"
    )
    signed = f"<assignedEntity>{_id(signer)}</assignedEntity>"
    return (
        f"{header}{people}<legalAuthenticator>{signed}</legalAuthenticator>{act}{related}{place}"
        f"<component>{body}</component></ClinicalDocument>"
    ).encode()


def _id(identifier: str) -> str:
    root, _, extension = identifier.partition("^")
    return f'<id root="{root}" extension="{extension}"/>'


def with_bytes(content: bytes, **changes: Any) -> dict[str, Any]:
    """A deposit of these bytes, hashed."""
    return deposit(**{**bytes_of(content), **changes, "content": content})


Said = tuple[str, str | None]


def refusal(datum: dict[str, Any]) -> Said | None:
    """Code and path of the first hard rule on the metadata that is broken."""
    broken = RULES_OF["DepositDocument"](datum)
    return None if broken is None else (broken.code, broken.path)


def remarks(datum: dict[str, Any]) -> list[Said]:
    """Code and path of every soft rule that is broken."""
    found = (rule(datum) for rule in SOFT_RULES_OF["DepositDocument"])
    return [(broken.code, broken.path) for broken in found if broken is not None]


def findings(datum: dict[str, Any]) -> list[Rejection]:
    """What bytes and metadata disagree about."""
    document, ins = datum["document"], datum["ins"]
    return list(content_findings(datum["content"], document, ins, 1 << 23))
