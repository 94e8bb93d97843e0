"""A small reader of DICOM in explicit little endian (PS3.5), written apart from the simulator."""

from __future__ import annotations

from struct import unpack_from
from typing import Any

Element = dict[int, Any]


def read_file(data: bytes) -> tuple[Element, Element]:
    """Meta information and data set of a Part 10 file: values by tag, sequences as lists."""
    assert data[:132] == bytes(128) + b"DICM"
    elements = read(data[132:])
    meta = {tag: value for tag, value in elements.items() if tag >> 16 == 2}
    return meta, {tag: value for tag, value in elements.items() if tag >> 16 > 2}


def read(data: bytes) -> Element:
    """Elements by tag; they must stand in ascending order, each of even length."""
    found: Element = {}
    place = 0
    while place < len(data):
        group, element = unpack_from("<HH", data, place)
        kind = data[place + 4 : place + 6].decode()
        long = kind in ("OB", "SQ", "UT")
        (length,) = unpack_from("<I" if long else "<H", data, place + (8 if long else 6))
        start = place + (12 if long else 8)
        value = data[start : start + length]
        assert length % 2 == 0
        assert len(value) == length
        tag = group << 16 | element
        assert not found or tag > max(found)
        found[tag] = _items(value) if kind == "SQ" else _value(kind, value)
        place = start + length
    return found


def _items(data: bytes) -> list[Element]:
    items, place = [], 0
    while place < len(data):
        group, element, length = unpack_from("<HHI", data, place)
        assert (group, element) == (0xFFFE, 0xE000)
        items.append(read(data[place + 8 : place + 8 + length]))
        place += 8 + length
    return items


def _value(kind: str, value: bytes) -> Any:
    if kind in ("OB", "UL"):
        return value
    return value.decode().rstrip("\x00" if kind == "UI" else " ")
