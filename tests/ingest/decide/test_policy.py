"""Who may replace, delete and mask, as the installation's policy says (SPEC j.29, d.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ingest.batch.write import BatchWriter
from ingest.consume.startup import policy_of
from ingest.read.service_wait import without_waiting
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from schemas.policy.may_do import DEFAULT_POLICY, Policy
from tests.ingest.decide.deciding import World, whole_view
from tests.ingest.feed_messages import (
    ANNA,
    CONTEXT,
    DR_A,
    DR_B,
    HOSPITAL,
    LAB,
    OID,
    actor,
    deposit,
    mask,
    operation,
    patient,
    stranger,
    unique_id,
)
from tests.ingest.ingest_site import Site, answers

AUTHOR_ONLY = Policy(organisation_replaces=False)
ACTORS = {
    "author": actor(DR_A, "10", LAB),
    "author elsewhere": actor(DR_A, "10", HOSPITAL),
    "colleague": actor(DR_B, "10", LAB),
    "machine of the organisation": actor(LAB, "AUTOMATE", LAB),
    "stranger": stranger(),
}
AUTHORS = {"author", "author elsewhere"}


def world(policy: Policy) -> World:
    return World(whole_view(policy=policy)).given(deposit(1))


@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.parametrize("message", ["delete", "replace", "late target"])
def test_replacing_and_deleting_belong_to_the_author_only(who: str, message: str) -> None:
    by = ACTORS[who]
    expected = "accepted" if who in AUTHORS else "not_entitled"
    if message == "delete":
        found = world(AUTHOR_ONLY).when(operation("DeleteDocument", 1, by=by))[0]
    elif message == "replace":
        found = world(AUTHOR_ONLY).when(deposit(2, by=by, replaces=unique_id(1)))[0]
    else:
        late = World(whole_view(policy=AUTHOR_ONLY))
        late.given(deposit(2, by=by, replaces=unique_id(1)))
        events = late.when(deposit(1))[1]
        found = "accepted" if "document_replaced" in events else "not_entitled"
    assert found == expected


@pytest.mark.parametrize("who", sorted(ACTORS.keys() - {"stranger"}))
def test_by_default_they_belong_to_the_organisation_too(who: str) -> None:
    given = world(DEFAULT_POLICY)
    assert given.when(operation("DeleteDocument", 1, by=ACTORS[who]))[0] == "accepted"


def test_of_several_authors_any_may_and_a_legal_entity_that_is_an_author_is_one() -> None:
    """SPEC b.4: the entity added as a further author; TRAP 14: any of several authors."""
    first = deposit(1)[1]["document"]["authors"][0]
    entity = {**first, "id": HOSPITAL, "organisationId": None, "isDevice": False}
    for by in (actor(DR_A, "10", None), actor(HOSPITAL, "AUTOMATE", None)):
        given = World(whole_view(policy=AUTHOR_ONLY))
        given.given(deposit(1, authors=[first, entity]))
        assert given.when(operation("DeleteDocument", 1, by=by))[0] == "accepted"


def test_patients_delete_only_their_own_where_the_policy_says_so() -> None:
    strict = Policy(patient_deletes=False)
    own: dict[str, Any] = {
        "authors": [{**deposit(1)[1]["document"]["authors"][0], "id": f"{OID}^{ANNA}"}]
    }
    given = world(strict).given(deposit(2, by=patient(), **own))
    assert given.when(operation("DeleteDocument", 1, by=patient()))[0] == "not_entitled"
    assert given.when(operation("DeleteDocument", 2, by=patient()))[0] == "accepted"


def test_professionals_mask_for_the_patient_only_where_the_policy_lets_them() -> None:
    strict = world(Policy(professionals_mask=False))
    assert strict.when(mask(1, by=stranger()))[0] == "not_entitled"
    assert strict.when(mask(1, by=ACTORS["colleague"]))[0] == "accepted"
    assert strict.when(mask(1))[0] == "accepted"


def test_the_settings_make_the_policy() -> None:
    assert policy_of(Settings()) == DEFAULT_POLICY
    given: dict[str, Any] = {
        "HISTOIRE_REPLACE_AND_DELETE": "author",
        "HISTOIRE_PATIENT_DELETES": "false",
        "HISTOIRE_PROFESSIONALS_MASK": "false",
    }
    assert policy_of(Settings.load(given)) == Policy(False, False, False)


def test_what_the_policy_asks_for_is_read_from_the_store(site: Site) -> None:
    """A head tells no author from his organisation; the first event does."""
    site.write(deposit(1), deposit(2))
    context = replace(CONTEXT, policy=AUTHOR_ONLY)
    writer = BatchWriter(site.store, context, SystemClock(), without_waiting)
    machine = ACTORS["machine of the organisation"]
    parts = site.parts(
        operation("DeleteDocument", 1, by=machine),
        deposit(3, by=machine, replaces=unique_id(2)),
        operation("DeleteDocument", 1),
        deposit(4, replaces=unique_id(2)),
    )
    expected = ["not_entitled", "not_entitled", "accepted", "accepted"]
    assert answers(writer.write(parts)) == expected
