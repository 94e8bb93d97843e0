"""Entitlements, against a table written independently from SPEC d.1, b.4, h.3, j.22, j.29."""

import itertools

import pytest

from schemas.may_do import ActorKind, Operation, actor_kind, may_do

# One row per operation: who may without being the author, who may as author (or organisation).
# P professional, T patient, R representative, M machine, U somebody else than he says.
ALLOWED = {
    "replace": ("", "PMT"),
    "mask": ("PTR", "PTRM"),
    "hide_from_patient": ("P", "PM"),
    "hide_from_representatives": ("P", "PM"),
    "archive": ("P", "PTM"),
    "delete": ("T", "PTM"),
}
LETTER = {
    ActorKind.PROFESSIONAL: "P",
    ActorKind.PATIENT: "T",
    ActorKind.REPRESENTATIVE: "R",
    ActorKind.MACHINE: "M",
    ActorKind.UNKNOWN: "U",
}


@pytest.mark.parametrize(
    ("kind", "operation", "is_author"), list(itertools.product(ActorKind, Operation, (False, True)))
)
def test_every_combination(kind: ActorKind, operation: Operation, is_author: bool) -> None:
    expected = LETTER[kind] in ALLOWED[operation.value][is_author]
    assert may_do(kind, operation, is_author) is expected


@pytest.mark.parametrize(
    ("role", "who", "kind"),
    [
        ("PATIENT", "1.2^A", ActorKind.PATIENT),
        ("PATIENT", "1.2^B", ActorKind.UNKNOWN),
        ("REPRESENTANT", "1.2^B", ActorKind.REPRESENTATIVE),
        ("AUTOMATE", "1.2^B", ActorKind.MACHINE),
        (None, "1.2^B", ActorKind.MACHINE),
        ("", "1.2^A", ActorKind.MACHINE),
        ("10", "1.2^B", ActorKind.PROFESSIONAL),
    ],
)
def test_capacity_of_an_actor(role: str | None, who: str, kind: ActorKind) -> None:
    actor = {
        "id": who,
        "name": None,
        "roleCode": role,
        "organisationId": None,
        "organisationName": None,
        "sectorCode": None,
    }
    ins = {"oid": "1.2", "matricule": "A", "status": "QUALIFIEE"}
    assert actor_kind(actor, ins) is kind  # type: ignore[arg-type]
