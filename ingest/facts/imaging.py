"""What documents of imaging refer to: the study and the accession (SPEC f.1, g)."""

from typing import Final

from schemas.feed.messages import Document
from schemas.valuesets import IMAGING_CLASS

_STUDY: Final = "urn:ihe:iti:xds:2016:studyInstanceUID"
_ACCESSION: Final = "urn:ihe:iti:xds:2013:accession"


def references_of(record: int, document: Document) -> list[str]:
    """The study and accession that a document of imaging names; none of any other document.

    Within its record: were a study looked up everywhere, one UID that faulty software gives to all
    would bring every document of it. An accession is one within the authority that gave it.
    """
    if document["classCode"] != IMAGING_CLASS:
        return []
    return [
        f"{record}|{named['typeCode']}|{named['value']}"
        if named["typeCode"] == _STUDY
        else f"{record}|{named['typeCode']}|{named['authority'] or ''}|{named['value']}"
        for named in document["referenceIdList"]
        if named["typeCode"] in (_STUDY, _ACCESSION)
    ]
