"""Entitlements, against a table written independently from SPEC d.1, b.4, h.3, j.22, j.29."""

import itertools

import pytest

from schemas.policy.may_do import ActorKind, Authorship, Operation, Policy, actor_kind, may_do

# One row per operation: who may without being the author, for whose organisation, as author.
# P professional, T patient, R representative, M machine, U somebody else than he says. What a
# switch of the policy can forbid stands in small letters, with the switch in `SWITCH`.
ALLOWED = {
    "replace": ("", "pmT", "PMT"),
    "mask": ("pTR", "PTRM", "PTRM"),
    "hide_from_patient": ("P", "PM", "PM"),
    "hide_from_representatives": ("P", "PM", "PM"),
    "archive": ("P", "PTM", "PTM"),
    "delete": ("t", "ptm", "PTM"),
}
LETTER = {
    ActorKind.PROFESSIONAL: "P",
    ActorKind.PATIENT: "T",
    ActorKind.REPRESENTATIVE: "R",
    ActorKind.MACHINE: "M",
    ActorKind.UNKNOWN: "U",
}
COLUMN = [Authorship.NEITHER, Authorship.ORGANISATION, Authorship.AUTHOR]
SWITCH = {
    ("replace", "p"): "organisation_replaces",
    ("replace", "m"): "organisation_replaces",
    ("delete", "p"): "organisation_replaces",
    ("delete", "m"): "organisation_replaces",
    ("delete", "t"): "patient_deletes",
    ("mask", "p"): "professionals_mask",
}
SWITCHES = ("organisation_replaces", "patient_deletes", "professionals_mask")
POLICIES = [Policy(*values) for values in itertools.product((True, False), repeat=3)]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize(
    ("kind", "operation", "authorship"), list(itertools.product(ActorKind, Operation, Authorship))
)
def test_every_combination(
    kind: ActorKind, operation: Operation, authorship: Authorship, policy: Policy
) -> None:
    letters = ALLOWED[operation.value][COLUMN.index(authorship)]
    letter = LETTER[kind]
    expected = letter in letters
    if letter.lower() in letters:
        expected = getattr(policy, SWITCH[operation.value, letter.lower()])
    assert may_do(kind, operation, authorship, policy) is expected


def test_the_default_is_author_or_his_organisation() -> None:
    for kind, operation, authorship in itertools.product(ActorKind, Operation, Authorship):
        default = may_do(kind, operation, authorship)
        assert default is may_do(kind, operation, authorship, Policy(True, True, True))


def test_every_switch_takes_something_away_and_gives_nothing() -> None:
    for switch in SWITCHES:
        strict = Policy(**{switch: False})
        for_all = list(itertools.product(ActorKind, Operation, Authorship))
        lost = [one for one in for_all if may_do(*one) and not may_do(*one, strict)]
        assert lost
        assert not [one for one in for_all if may_do(*one, strict) and not may_do(*one)]


@pytest.mark.parametrize(
    ("policy", "parts"),
    [
        (Policy(), False),
        (Policy(organisation_replaces=False), True),
        (Policy(patient_deletes=False), True),
        (Policy(professionals_mask=False), False),
    ],
)
def test_whether_author_and_organisation_must_be_told_apart(policy: Policy, parts: bool) -> None:
    differs = any(
        may_do(kind, operation, Authorship.AUTHOR, policy)
        != may_do(kind, operation, Authorship.ORGANISATION, policy)
        for kind, operation in itertools.product(ActorKind, Operation)
    )
    assert policy.parts_author_from_organisation is parts is differs


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
