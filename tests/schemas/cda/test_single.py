"""Where a header has exactly one of something, a second one is named and the file refused."""

from __future__ import annotations

import pytest
from lxml import etree

from schemas.cda import CdaDocument, CdaUnreadable, read_cda, read_subject
from schemas.cda.elements import NAMESPACE
from schemas.cda.identification import Identification, read_identification

HEADER = f"""<ClinicalDocument xmlns="{NAMESPACE}">
<id root="1.2.3"/><code code="11502-2"/><title>t</title><effectiveTime value="20250101"/>
<confidentialityCode code="N"/><languageCode code="fr-FR"/><setId root="1.2.4"/>
<versionNumber value="1"/>
<recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="279035121518989"/>
<id root="1.2.250.1.999.1" extension="77"/>
<patient><name><family qualifier="BR">PAT-TROIS</family><family qualifier="CL">PAT</family>
<given qualifier="BR">DOMINIQUE</given><given qualifier="CL">DO</given><given>DOMINIQUE</given>
<given>MARIE</given></name><administrativeGenderCode code="F"/><birthTime value="19790328"/>
<birthplace><place><addr><county>51215</county></addr></place></birthplace></patient>
</patientRole></recordTarget>
<author><assignedAuthor/></author><author><assignedAuthor/></author>
<custodian><assignedCustodian><representedCustodianOrganization/></assignedCustodian></custodian>
<legalAuthenticator><time value="20250101"/><assignedEntity/></legalAuthenticator>
<documentationOf><serviceEvent/></documentationOf><documentationOf><serviceEvent/></documentationOf>
<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.5"/></parentDocument>
</relatedDocument><relatedDocument typeCode="APND"><parentDocument><id root="1.2.6"/>
</parentDocument></relatedDocument>
<componentOf><encompassingEncounter/></componentOf>
<component><nonXMLBody><text mediaType="text/plain">QQ==</text></nonXMLBody></component>
</ClinicalDocument>"""
MANY = ("patientRole/id", "given", "author", "documentationOf")
"""Of which a header may have several. A given name with a qualifier is one, without it a list."""
ELEMENTS = [
    *("id", "code", "title", "effectiveTime", "confidentialityCode", "languageCode", "setId"),
    *("versionNumber", "recordTarget", "recordTarget/patientRole", "custodian", "componentOf"),
    *("legalAuthenticator", "component", "component/nonXMLBody", "component/nonXMLBody/text"),
    *("legalAuthenticator/time", "legalAuthenticator/assignedEntity", "relatedDocument"),
    *("custodian/assignedCustodian", "relatedDocument/parentDocument/id"),
    "custodian/assignedCustodian/representedCustodianOrganization",
    "recordTarget/patientRole/patient",
    *(
        f"recordTarget/patientRole/patient/{name}"
        for name in (
            *("name", "name/family", "name/given", "administrativeGenderCode", "birthTime"),
            *("birthplace", "birthplace/place/addr/county"),
        )
    ),
]


def doubled(steps: str, *, other: bool) -> bytes:
    """The header with a second element like the first at this path; `other`: with other content."""
    document = etree.fromstring(HEADER.encode())
    found = document.find("/".join(f"{{{NAMESPACE}}}{step}" for step in steps.split("/")))
    assert found is not None, steps
    copy = etree.fromstring(etree.tostring(found))
    if other:
        copy.set("note", "other")
    parent = found.getparent()
    assert parent is not None
    parent.append(copy)
    return etree.tostring(document)


def test_the_sound_header_is_read() -> None:
    data = HEADER.encode()
    for name in MANY:
        assert HEADER.count(f"<{name.rpartition('/')[2]}") > 1
    assert isinstance(read_cda(data), CdaDocument)
    assert isinstance(read_identification(data), Identification)


@pytest.mark.parametrize("other", [False, True], ids=["again", "other"])
@pytest.mark.parametrize("steps", ELEMENTS)
def test_a_second_one_is_named_and_refused(steps: str, *, other: bool) -> None:
    data = doubled(steps, other=other)
    for found in (read_cda(data), read_identification(data)):
        assert isinstance(found, CdaUnreadable), steps
        assert found.code == "several_of_one"
        assert found.detail.startswith(f"{steps.rpartition('/')[2]} ")
        assert "279035121518989" not in found.detail
    if steps.startswith("recordTarget"):
        assert isinstance(read_subject(data), CdaUnreadable)
