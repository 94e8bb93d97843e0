"""How bytes and datums are spoiled on purpose, and the right outcome of each."""

from hashlib import sha1, sha256
from random import Random
from typing import Any, Final

from producers.simulator.randomness import pick
from schemas.forms.identity import matricule_key
from schemas.versions.catalogue import schema_catalogue

_MESSAGE_ID_END: Final = 26
"""Marker 2, fingerprint 8, messageId 16; the length of the software's id comes next."""

Spoiled = tuple[bytes, tuple[str, ...]]


def corrupt(value: bytes, rng: Random) -> tuple[bytes, tuple[str, ...], str]:
    """Bytes that no schema can read, the codes of which one is right, and what was done."""
    name = pick(rng, sorted(_WAYS))
    spoiled, codes = _WAYS[name](value, rng)
    return spoiled, codes, name


def unknown_fingerprint(value: bytes, rng: Random) -> bytes:
    """The same bytes under a fingerprint that no schema has."""
    while True:
        fingerprint = rng.getrandbits(64).to_bytes(8)
        if fingerprint not in schema_catalogue().by_fingerprint:
            return value[:2] + fingerprint + value[10:]


def _truncated(value: bytes, rng: Random) -> Spoiled:
    keep = _MESSAGE_ID_END + int(rng.random() * (len(value) - _MESSAGE_ID_END))
    return value[:keep], ("malformed",)


def _cut_in_head(value: bytes, rng: Random) -> Spoiled:
    return value[: 1 + int(rng.random() * 9)], ("not_single_object",)


def _flipped(value: bytes, rng: Random) -> Spoiled:
    """One bit of the marker or of the fingerprint."""
    place = int(rng.random() * 10)
    flipped = bytearray(value)
    flipped[place] ^= 1 << int(rng.random() * 8)
    return bytes(flipped), ("not_single_object",) if place < 2 else ("schema_unknown",)


def _trailing(value: bytes, rng: Random) -> Spoiled:
    return value + rng.getrandbits(24).to_bytes(3), ("not_canonical", "malformed")


def _negative_length(value: bytes, rng: Random) -> Spoiled:
    """A string of length -1."""
    return value[:_MESSAGE_ID_END] + b"\x01" + value[_MESSAGE_ID_END + 1 :], _UNREADABLE


def _negative_branch(value: bytes, rng: Random) -> Spoiled:
    """Branch -1 of the union of the software approval; readers differ (decision 0004)."""
    place = _MESSAGE_ID_END
    for _ in range(3):  # id, name and version of the software stand before it
        place += 1 + (value[place] >> 1)
    return value[:place] + b"\x01" + value[place + 1 :], _UNREADABLE


def _no_utf8(value: bytes, rng: Random) -> Spoiled:
    place = _MESSAGE_ID_END + 1
    return value[:place] + b"\xff" + value[place + 1 :], _UNREADABLE


_UNREADABLE: Final = ("malformed", "not_canonical")
_WAYS: Final = {
    "bit_flip": _flipped,
    "cut_in_head": _cut_in_head,
    "negative_branch": _negative_branch,
    "negative_length": _negative_length,
    "no_utf8": _no_utf8,
    "trailing": _trailing,
    "truncated": _truncated,
}


def wrong_check_digits(datum: dict[str, Any], rng: Random) -> tuple[tuple[str, str | None], ...]:
    """Change the key of the matricule in the datum; the right outcome."""
    matricule = datum["ins"]["matricule"]
    key = 1 + (int(matricule[13:]) + int(rng.random() * 96)) % 97
    datum["ins"] = {**datum["ins"], "matricule": f"{matricule[:13]}{key:02d}"}
    return (("REJECTED", "ins_key_wrong"),)


def another_software(datum: dict[str, Any], rng: Random) -> tuple[tuple[str, str | None], ...]:
    """Name a software that nobody referenced; the right outcome."""
    provenance = datum["provenance"]
    name = f"sim-inconnu-{int(rng.random() * 100):02d}"
    datum["provenance"] = {**provenance, "software": {**provenance["software"], "id": name}}
    return (("REJECTED", "software_unreferenced"),)


def another_matricule(matricule: str) -> str:
    """A well-formed matricule of rank 989, of nobody who is simulated."""
    body = f"{matricule[:10]}989"
    return body + matricule_key(body)


def other_content(datum: dict[str, Any], rng: Random) -> None:
    """Give a deposit other bytes, with the hashes and size that belong to them."""
    document = dict(datum["document"])
    if datum["content"] is not None:
        content = datum["content"] + b"\n"
        datum["content"] = content
        document["hash"] = sha1(content, usedforsecurity=False).digest()
        document["sha256"] = sha256(content).digest()
        document["size"] = len(content)
    else:
        document["hash"] = rng.getrandbits(160).to_bytes(20)
        document["sha256"] = rng.getrandbits(256).to_bytes(32)
    datum["document"] = document
