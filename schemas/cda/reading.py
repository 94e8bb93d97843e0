"""`read_cda` reads the whole header of a document; `read_subject` its id and patient, faster."""

import re
from dataclasses import asdict, replace
from hashlib import sha1, sha256
from itertools import islice
from typing import Final

from lxml import etree

from schemas import valuesets
from schemas.cda.checks.checks import problems

from . import context, patient
from .body import body, format_code, is_stylesheet, mime_type
from .document import CdaDocument, Subject
from .elements import (
    CLINICAL_DOCUMENT,
    Element,
    attribute,
    coded,
    identifier,
    identifiers,
    path,
    text_of,
)
from .hardened import (
    CdaUnreadable,
    hardened_pull_parser,
    hardened_tree,
    unreadable_bytes,
    unreadable_syntax,
    unreadable_tree,
)
from .single import several_of_one

_CHUNK: Final = 8192
_AFTER_PATIENT: Final = (path("author"), path("component"))
_OPENING: Final = re.compile(rb"<(?:[^\s<>:/=]*:)?(ClinicalDocument|recordTarget)[\s/>]")
_ONE_OF_EACH: Final = [b"ClinicalDocument", b"recordTarget"]
_OPENING_AND_CLOSING: Final = 2


def read_cda(data: bytes, *, file: str | None = None) -> CdaDocument | CdaUnreadable:
    """The metadata of a CDA R2 document (N1, N3 or self-presentable), or the reason for none.

    Never raises on any bytes. Size and hashes are those of the bytes received. `problems` has the
    remarks on a document that was read; of one that was not, nothing can be trusted.
    """
    root = hardened_tree(data)
    if isinstance(root, CdaUnreadable):
        return root
    document = clinical_document(root)
    if isinstance(document, CdaUnreadable):
        return document
    several = several_of_one(document)
    if several is not None:
        return several
    found = _document(data, file, root, document)
    return replace(found, problems=problems(document, found))


def read_subject(data: bytes) -> Subject | CdaUnreadable:
    """Identifier and INS of a document, read as far as the patient.

    They equal those of `read_cda` for every document that it reads. Bytes after the patient are not
    read, and may be malformed or have a second signer. A file that is not plainly one document with
    one patient is read whole: otherwise a second document could hide in the part not read.
    """
    refusal = unreadable_bytes(data)
    if refusal is not None:
        return refusal
    if not _is_plainly_single(data):
        return _subject_of_whole(data)
    try:
        document = _document_up_to_patient(data)
    except etree.XMLSyntaxError as error:
        return unreadable_syntax(error)
    if document is None:
        return _subject_of_whole(data)
    refusal = unreadable_tree(document)
    if refusal is not None:
        return refusal
    found = several_of_one(document) or _subject(document)
    plain = isinstance(found, Subject) and found.ins and found.unique_id
    return found if plain else _subject_of_whole(data)


def _is_plainly_single(data: bytes) -> bool:
    """True when one ClinicalDocument and one recordTarget open in these bytes, comments included.

    Two occurrences of a name are one opening and its closing, or hold nothing. To count them is
    four times as fast as to look for openings, which only files with more occurrences need.
    """
    if all(data.count(name) == _OPENING_AND_CLOSING for name in _ONE_OF_EACH):
        return True
    return sorted(_OPENING.findall(data)) == _ONE_OF_EACH


def _document_up_to_patient(data: bytes) -> Element | None:
    """The document up to its first author or body. None without either."""
    parser = hardened_pull_parser(_AFTER_PATIENT)
    for start in range(0, len(data), _CHUNK):
        parser.feed(data[start : start + _CHUNK])
        for _, element in parser.read_events():
            parent = element.getparent() if isinstance(element, etree._Element) else None
            if parent is not None and parent.tag == CLINICAL_DOCUMENT:
                root = parent.getroottree().getroot()
                return parent if root is parent or is_stylesheet(root) else None
    return None


def _subject_of_whole(data: bytes) -> Subject | CdaUnreadable:
    root = hardened_tree(data)
    document = root if isinstance(root, CdaUnreadable) else clinical_document(root)
    if isinstance(document, CdaUnreadable):
        return document
    return several_of_one(document) or _subject(document)


def _subject(document: Element) -> Subject:
    return Subject(identifier(document.find(path("id"))), patient.single_ins(document))


def clinical_document(root: Element) -> Element | CdaUnreadable:
    """The one ClinicalDocument of the HL7 namespace: the root, or inside a stylesheet."""
    if root.tag != CLINICAL_DOCUMENT and not is_stylesheet(root):
        return CdaUnreadable(
            "no_clinical_document",
            "The root is neither a ClinicalDocument of HL7 CDA R2 nor a stylesheet holding one.",
        )
    found = list(islice(root.iter(CLINICAL_DOCUMENT), 2))
    if not found:
        return CdaUnreadable("no_clinical_document", "The stylesheet holds no ClinicalDocument.")
    if len(found) > 1:
        return CdaUnreadable("several_clinical_documents", "A file holds one ClinicalDocument.")
    return found[0]


def _document(data: bytes, file: str | None, root: Element, document: Element) -> CdaDocument:
    act = context.main_act(document)
    start, stop = context.service_times(act)
    templates = identifiers(document, "templateId")
    kind = coded(document.find(path("code")))
    found_body = body(document)
    return CdaDocument(
        file=file,
        size=len(data),
        sha1=sha1(data, usedforsecurity=False).hexdigest(),
        sha256=sha256(data).hexdigest(),
        ins=patient.single_ins(document),
        local_ids=patient.local_ids(document),
        **asdict(patient.traits(document)),
        unique_id=identifier(document.find(path("id"))),
        set_id=identifier(document.find(path("setId"))),
        version=integer(attribute(document, "versionNumber", "value")),
        type=kind,
        class_code=valuesets.class_of(kind.code) if kind else None,
        format_code=format_code(templates, kind.code if kind else None, found_body),
        title=text_of(document.find(path("title"))),
        creation_time=attribute(document, "effectiveTime", "value"),
        confidentiality=attribute(document, "confidentialityCode", "code"),
        language=attribute(document, "languageCode", "code"),
        templates=templates,
        authors=context.authors(document),
        custodian=context.custodian(document),
        legal_authenticator=context.legal_authenticator(document),
        service_start=start,
        service_stop=stop,
        event_codes=context.event_codes(document),
        practice_setting=context.practice_setting(act),
        facility_type=context.facility_type(document),
        orders=context.orders(document),
        accessions=context.accessions(document),
        studies=context.studies(document),
        replaces=context.replaces(document),
        mime_type=mime_type(root),
        body=found_body,
        problems=(),
    )


def integer(literal: str | None) -> int | None:
    """A versionNumber. None for other texts than one to nine digits."""
    if literal is None or not literal.isascii() or not literal.isdigit() or len(literal) > 9:
        return None
    return int(literal)
