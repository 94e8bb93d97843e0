"""References to the objects of an imaging study: a DICOM Key Object Selection (IHE XDS-I, KOS).

A Part 10 file in explicit little endian (DICOM PS3.5, PS3.10), with the modules of a Key Object
Selection Document (PS3.3 A.35.4) and template TID 2010: a manifest of the images of one study. Why
not pydicom: decision 0044.
"""

from struct import pack
from typing import Final

from producers.simulator.moments import literal
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.tables.dicom_codes import IMAGE_CLASSES

KOS_CLASS: Final = "1.2.840.10008.5.1.4.1.1.88.59"
_EXPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
_OURS: Final = "2.25.300185912704512349876120034567"
_LONG: Final = frozenset({"OB", "SQ", "UT"})
_PREAMBLE: Final = bytes(128) + b"DICM"

Elements = tuple[bytes, ...]


def key_object_selection(document: PlannedDocument) -> bytes:
    """The file, a function of the document: three images of one series, made up from the study."""
    meta = b"".join(
        (
            _element(0x0002, 0x0001, "OB", b"\x00\x01"),
            _uid(0x0002, 0x0002, KOS_CLASS),
            _uid(0x0002, 0x0003, document.uid),
            _uid(0x0002, 0x0010, _EXPLICIT_LITTLE_ENDIAN),
            _uid(0x0002, 0x0012, _OURS),
        )
    )
    length = _element(0x0002, 0x0000, "UL", pack("<I", len(meta)))
    return _PREAMBLE + length + meta + b"".join(_data_set(document))


def _data_set(document: PlannedDocument) -> Elements:
    """The elements in ascending order of tags, as DICOM asks.

    Raises ValueError for a document without a study, which the table of a KOS excludes.
    """
    if document.study is None:
        raise ValueError("a KOS is about an imaging study")
    organisation = document.author.organisation
    study_day, study_time = _moment(document, document.act_start)
    day, time = _moment(document, document.created)
    patient = document.patient
    sex = patient.sex if patient.sex in "MF" else "O"
    return (
        _text(0x0008, 0x0005, "CS", "ISO_IR 192"),
        _uid(0x0008, 0x0016, KOS_CLASS),
        _uid(0x0008, 0x0018, document.uid),
        _text(0x0008, 0x0020, "DA", study_day),
        _text(0x0008, 0x0023, "DA", day),
        _text(0x0008, 0x0030, "TM", study_time),
        _text(0x0008, 0x0033, "TM", time),
        _text(0x0008, 0x0050, "SH", document.accession or ""),
        _text(0x0008, 0x0060, "CS", "KO"),
        _text(0x0008, 0x0070, "LO", organisation.software["name"]),
        _text(0x0008, 0x0080, "LO", organisation.name),
        _text(0x0008, 0x0090, "PN", ""),
        _sequence(0x0008, 0x1111),
        _text(0x0010, 0x0010, "PN", f"{patient.birth_name}^{patient.birth_given}"),
        _text(0x0010, 0x0020, "LO", patient.matricule),
        _sequence(0x0010, 0x0024, _issuer(patient.oid)),
        _text(0x0010, 0x0030, "DA", patient.birth_date),
        _text(0x0010, 0x0040, "CS", sex),
        _uid(0x0020, 0x000D, document.study),
        _uid(0x0020, 0x000E, f"{document.study}.9"),
        _text(0x0020, 0x0010, "SH", ""),
        _text(0x0020, 0x0011, "IS", "9"),
        _text(0x0020, 0x0013, "IS", "1"),
        _text(0x0040, 0xA040, "CS", "CONTAINER"),
        _sequence(0x0040, 0xA043, _MANIFEST),
        _text(0x0040, 0xA050, "CS", "SEPARATE"),
        _sequence(0x0040, 0xA370, _request(document, document.study)),
        _sequence(0x0040, 0xA375, _evidence(document, document.study)),
        _sequence(0x0040, 0xA504, _TEMPLATE),
        _sequence(0x0040, 0xA730, *(_referred(image) for image in _images(document))),
    )


def _issuer(oid: str) -> Elements:
    """The register of the matricule, without which it identifies nobody (SPEC a.1)."""
    return _text(0x0040, 0x0032, "UT", oid), _text(0x0040, 0x0033, "CS", "ISO")


def _request(document: PlannedDocument, study: str) -> Elements:
    return (
        _text(0x0008, 0x0050, "SH", document.accession or ""),
        _sequence(0x0008, 0x1110),
        _uid(0x0020, 0x000D, study),
        _text(0x0032, 0x1060, "LO", ""),
        _sequence(0x0032, 0x1064),
        _text(0x0040, 0x1001, "SH", ""),
        _text(0x0040, 0x2016, "LO", document.order or ""),
        _text(0x0040, 0x2017, "LO", ""),
    )


def _evidence(document: PlannedDocument, study: str) -> Elements:
    series = (_sequence(0x0008, 0x1199, *_images(document)), _uid(0x0020, 0x000E, f"{study}.1"))
    return (_sequence(0x0008, 0x1115, series), _uid(0x0020, 0x000D, study))


def _images(document: PlannedDocument) -> tuple[Elements, ...]:
    image_class = IMAGE_CLASSES[document.acts[0].modality]
    return tuple(
        (_uid(0x0008, 0x1150, image_class), _uid(0x0008, 0x1155, f"{document.study}.1.{number}"))
        for number in (1, 2, 3)
    )


def _referred(image: Elements) -> Elements:
    return (
        _sequence(0x0008, 0x1199, image),
        _text(0x0040, 0xA010, "CS", "CONTAINS"),
        _text(0x0040, 0xA040, "CS", "IMAGE"),
    )


def _moment(document: PlannedDocument, at: int) -> tuple[str, str]:
    shown = literal(at, document.author.organisation.zone)
    return shown[:8], shown[8:14]


def _element(group: int, element: int, kind: str, value: bytes) -> bytes:
    head = pack("<HH", group, element) + kind.encode()
    if kind in _LONG:
        return head + pack("<HI", 0, len(value)) + value
    return head + pack("<H", len(value)) + value


def _uid(group: int, element: int, value: str) -> bytes:
    data = value.encode()
    return _element(group, element, "UI", data + b"\x00" * (len(data) % 2))


def _text(group: int, element: int, kind: str, value: str) -> bytes:
    data = value.encode()
    return _element(group, element, kind, data + b" " * (len(data) % 2))


def _sequence(group: int, element: int, *items: Elements) -> bytes:
    inside = (b"".join(item) for item in items)
    return _element(
        group,
        element,
        "SQ",
        b"".join(pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in inside),
    )


_MANIFEST: Final = (
    _text(0x0008, 0x0100, "SH", "113030"),
    _text(0x0008, 0x0102, "SH", "DCM"),
    _text(0x0008, 0x0104, "LO", "Manifest"),
)
_TEMPLATE: Final = (_text(0x0008, 0x0105, "CS", "DCMR"), _text(0x0040, 0xDB00, "CS", "2010"))
