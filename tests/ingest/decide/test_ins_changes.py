"""A person's INS changes, or was linked wrongly: what each INS shows afterwards, each time.

From messages to timelines, on a real store: documents that came before the link, between link and
undo, and after it, under both INS (decision 0028; TRAP 2, 7).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.facts.message import LinkMessage
from ingest.read.interpret import Rejected, interpret
from ingest.runtime.lifecycle import StopSignal
from ingest.runtime.postgres.database import connect, store_dsn
from projections import migrate_projections
from projections.live.loop import ProjectionLoop
from projections.timeline.live import Timeline
from projections.timeline.query import timeline_of
from schemas.forms.identity import INS_NIA, INS_NIR, accepted_oids, ins_key, matricule_key
from schemas.policy.may_see import Reader, ReaderKind
from tests.ingest.feed_messages import (
    ANNA,
    BRUNO,
    CLARA,
    CONTEXT,
    OID,
    TRAITS,
    deposit,
    feed_record,
    partition_for,
    record_message,
    unique_id,
)
from tests.ingest.ingest_site import Message, Site

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
PATIENT = Reader(ReaderKind.PATIENT)
WRONG = {**TRAITS, "birthName": "HOMONYME"}


@dataclass
class Timelines:
    """The timelines of a site, as their patients see them."""

    site: Site
    conn: psycopg.Connection[Any]

    def after(self, *messages: Message) -> list[str]:
        """The answers, one batch each; then everything is projected."""
        found = [self.site.write(message)[0] for message in messages]
        ProjectionLoop(self.site.settings, (Timeline(),), StopSignal()).run(until_idle=True)
        return found

    def of(self, matricule: str) -> set[int]:
        """Numbers of the documents that stand in the timeline under this INS."""
        token = self.site.store.secrets.ins_hash(ins_key(OID, matricule))
        refs = self.site.store.identities.lookup([token])
        if token not in refs:
            return set()
        timeline = timeline_of(self.conn, refs[token].record, PATIENT, NOW)
        return {int(entry.row.unique_id.rpartition(".")[2]) for entry in timeline.current}


@pytest.fixture
def timelines(site: Site) -> Iterator[Timelines]:
    dsn = store_dsn(site.settings)
    migrate_projections(dsn)
    with connect(dsn, application_name="test") as conn:
        conn.autocommit = True
        yield Timelines(site, conn)


def link(name: str, one: str, other: str) -> Message:
    return record_message(name, matricule=one, otherMatricule=other)


def replacing(number: int, target: int, matricule: str) -> Message:
    return deposit(number, matricule=matricule, replaces=unique_id(target))


def test_an_ins_changes_the_link_proves_wrong_and_is_made_again(timelines: Timelines) -> None:
    """BRUNO is ANNA's new INS, or is taken for it; both are fed all the time."""
    show = timelines.of
    assert timelines.after(deposit(1), deposit(2, matricule=BRUNO)) == ["accepted"] * 2
    assert (show(ANNA), show(BRUNO)) == ({1}, {2})

    between = deposit(3), deposit(4, matricule=BRUNO), replacing(5, 1, BRUNO)
    assert timelines.after(link("LinkIns", BRUNO, ANNA), *between) == ["accepted"] * 4
    assert show(ANNA) == show(BRUNO) == {2, 3, 4, 5}

    assert timelines.after(link("UnlinkIns", ANNA, BRUNO)) == ["accepted"]
    assert show(ANNA) == {1, 3}, "what the other one's document replaced shows again"
    assert show(BRUNO) == {2, 4, 5}, "what was filed under an INS stays there"

    after = deposit(6), deposit(7, matricule=BRUNO), replacing(8, 3, BRUNO)
    assert timelines.after(*after) == ["accepted", "accepted", "target_of_other_person"]
    assert (show(ANNA), show(BRUNO)) == ({1, 3, 6}, {2, 4, 5, 7})

    assert timelines.after(link("LinkIns", ANNA, BRUNO)) == ["accepted"]
    assert show(ANNA) == show(BRUNO) == {2, 3, 4, 5, 6, 7}


def test_former_ins_are_followed_through_more_than_one_change(timelines: Timelines) -> None:
    """INSi gives the former INS with the current one: each is a link, undone one by one."""
    show = timelines.of
    feeding = (deposit(n, matricule=m) for n, m in ((1, ANNA), (2, BRUNO), (3, CLARA)))
    timelines.after(*feeding, link("LinkIns", BRUNO, ANNA), link("LinkIns", CLARA, BRUNO))
    assert show(ANNA) == show(BRUNO) == show(CLARA) == {1, 2, 3}
    timelines.after(link("UnlinkIns", CLARA, BRUNO), deposit(4), deposit(5, matricule=CLARA))
    assert show(ANNA) == show(BRUNO) == {1, 2, 4}
    assert show(CLARA) == {3, 5}


def test_a_wrong_link_does_not_carry_traits_or_revocation_over(timelines: Timelines) -> None:
    """Traits belong to the identity they were declared for, not to the person linked."""
    timelines.after(
        record_message("DeclareIdentity", traits=TRAITS),
        record_message("DeclareIdentity", traits=WRONG, matricule=BRUNO),
        link("LinkIns", BRUNO, ANNA),
    )
    assert timelines.after(
        deposit(1, sourcePatientInfo=TRAITS),
        deposit(2, sourcePatientInfo=WRONG, matricule=BRUNO),
        deposit(3, sourcePatientInfo=WRONG),
        record_message("RevokeIdentity", matricule=BRUNO),
        deposit(4, matricule=BRUNO),
        deposit(5),
        link("UnlinkIns", BRUNO, ANNA),
    ) == [
        *("accepted", "accepted", "traits_differ"),
        *("accepted", "identity_revoked", "accepted", "accepted"),
    ]
    assert (timelines.of(ANNA), timelines.of(BRUNO)) == ({1, 5}, {2})


def test_a_nia_that_becomes_a_nir_is_linked_and_never_merged_by_its_digits() -> None:
    """The same digits under another OID are another identity of one person (TRAP 2)."""
    nir: dict[str, Any] = {"oid": INS_NIR, "matricule": ANNA, "status": "QUALIFIEE"}
    message = record_message("LinkIns", ins=nir, otherOid=INS_NIA, otherMatricule=ANNA)
    production = replace(CONTEXT, accepted_oids=accepted_oids("production"))
    found = interpret(feed_record(message), partition_for(message), production)
    assert isinstance(found, LinkMessage)
    assert (found.ins, found.other_ins) == (f"{INS_NIR}|{ANNA}", f"{INS_NIA}|{ANNA}")
    itself = record_message("LinkIns", ins=nir, otherOid=INS_NIR, otherMatricule=ANNA)
    refused = interpret(feed_record(itself), partition_for(itself), production)
    assert isinstance(refused, Rejected)
    assert refused.rejection.code == "link_to_itself"


# Random histories against a naive model


@dataclass
class Model:
    """Documents under their INS; who is one person now; a replaced one is gone where its successor
    is shown.
    """

    links: set[frozenset[str]] = field(default_factory=set)
    documents: dict[int, str] = field(default_factory=dict)
    replaced: list[tuple[int, int]] = field(default_factory=list)

    def person(self, ins: str) -> set[str]:
        found = {ins}
        while True:
            more = {other for pair in self.links for other in pair if pair & found} - found
            if not more:
                return found
            found |= more

    def deposit(self, number: int, ins: str, target: int | None) -> str:
        if target is not None and self.documents[target] not in self.person(ins):
            return "target_of_other_person"
        self.documents[number] = ins
        if target is not None:
            self.replaced.append((target, number))
        return "accepted"

    def link(self, name: str, pair: frozenset[str]) -> str:
        linked = pair in self.links
        if linked is (name == "LinkIns"):
            return "unchanged"
        self.links ^= {pair}
        return "accepted"

    def timeline(self, ins: str) -> set[int]:
        person = self.person(ins)
        mine = {number for number, owner in self.documents.items() if owner in person}
        return mine - {target for target, by in self.replaced if by in mine}


PEOPLE = 3
STEPS = st.one_of(
    st.tuples(st.just("deposit"), st.integers(0, PEOPLE - 1), st.none() | st.integers(0, 9)),
    st.tuples(
        st.sampled_from(["LinkIns", "LinkIns", "UnlinkIns"]),
        st.integers(0, PEOPLE - 1),
        st.integers(1, PEOPLE - 1),
    ),
    st.just(("look", 0, 0)),
)
_numbers = itertools.count(100)
_people = itertools.count(100)


def new_matricule() -> str:
    body = f"1790351215{next(_people):03d}"
    return body + matricule_key(body)


@given(steps=st.lists(STEPS, min_size=6, max_size=14))
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def random_changes(timelines: Timelines, steps: list[tuple[str, int, int | None]]) -> None:
    people = [new_matricule() for _ in range(PEOPLE)]
    model, made = Model(), list[int]()
    for kind, who, what in [*steps, ("look", 0, 0)]:
        ins = people[who]
        if kind == "look":
            timelines.after()
            assert [timelines.of(m) for m in people] == [model.timeline(m) for m in people]
        elif kind == "deposit":
            number = next(_numbers)
            target = made[what % len(made)] if what is not None and made else None
            expected = model.deposit(number, ins, target)
            replaces = None if target is None else unique_id(target)
            message = deposit(number, matricule=ins, replaces=replaces)
            assert timelines.site.write(message) == [expected]
            made += [number] if expected == "accepted" else []
        else:
            other = people[(who + (what or 0)) % PEOPLE]
            expected = model.link(kind, frozenset({ins, other}))
            assert timelines.site.write(link(kind, ins, other)) == [expected]


def test_random_changes_of_ins(timelines: Timelines) -> None:
    random_changes(timelines)
