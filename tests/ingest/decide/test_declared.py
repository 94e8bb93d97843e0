"""Declared identities: what a changed trait does, and documents that come with other traits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batch.retry import Retry, waiting
from ingest.decide.decide import decide
from ingest.facts.decision import Decision
from ingest.facts.events.event import Event
from ingest.facts.evolve import _RECORD, evolve_record
from ingest.facts.heads import NO_HEAD
from ingest.runtime.lifecycle import SystemClock
from schemas.events import IDENTITY_DECLARED, RecordFlags
from schemas.forms.identity import matricule_key
from schemas.rules.table.severities import Severities
from tests.ingest.decide.deciding import World, whole_view
from tests.ingest.feed_messages import ANNA, BRUNO, CONTEXT, OID, TRAITS, deposit, record_message
from tests.ingest.ingest_site import Message, Site, answers

OPENED, SUBMITTED = "record_opened", "document_submitted"
DECLARED, REVOKED = "identity_declared", "identity_revoked"
ANNA_INS = f"{OID}|{ANNA}"
MARRIED = {**TRAITS, "usedName": "MARTIN"}
SPELT = {**TRAITS, "birthName": "Pat Trois", "givenNames": "Dominique Marie Louise"}
RENAMED = {**TRAITS, "birthName": "PAT-QUATRE"}


def declare(traits: dict[str, Any] = TRAITS, asked: int | None = None, **fields: Any) -> Message:
    return record_message("DeclareIdentity", traits=traits, insiRequestedAt=asked, **fields)


def document_of(number: int, traits: dict[str, Any] | None, **fields: Any) -> Message:
    return deposit(number, sourcePatientInfo=traits, **fields)


def warnings(world: World, message: Message) -> list[tuple[str, str | None]]:
    decision = decide(world.view, world.read(message))
    assert isinstance(decision, Decision)
    return [(warning.code, warning.path) for warning in decision.warnings]


@pytest.mark.parametrize("again", [TRAITS, MARRIED, SPELT, {**TRAITS, "birthPlace": None}])
def test_the_same_traits_in_any_spelling_change_nothing(again: dict[str, Any]) -> None:
    world = World().given(declare(asked=100))
    assert warnings(world, declare(again)) == []
    assert world.when(declare(again)) == ("accepted", [DECLARED])
    assert world.when(deposit(1))[0] == "accepted"


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("birthName", "PAT-QUATRE"),
        ("birthGivenName", "CAMILLE"),
        ("givenNames", "DOMINIQUE"),
        ("sex", "M"),
        ("birthDate", "19790329"),
        ("birthDate", "197903"),
        ("birthPlace", "51108"),
    ],
)
def test_a_changed_strict_trait_revokes_until_insi_answers_anew(trait: str, value: str) -> None:
    """SPEC a.4, rule 27; TRAP 6. Documents already there stay."""
    world = World().given(declare(asked=100), deposit(1))
    changed = {**TRAITS, trait: value}
    assert warnings(world, declare(changed, 100)) == [("qualification_lost", f"traits.{trait}")]
    assert world.when(declare(changed, 100)) == ("accepted", [DECLARED, REVOKED])
    assert world.when(deposit(2)) == ("identity_revoked", [])
    assert world.when(deposit(1))[0] == "duplicate"
    # The same again, or the old traits again, with the old answer of INSi or none: still revoked.
    for traits, asked in ((changed, 100), (TRAITS, 100), (changed, 99), (TRAITS, None)):
        assert world.when(declare(traits, asked)) == ("accepted", [DECLARED, REVOKED])
        assert world.when(deposit(2)) == ("identity_revoked", [])
    assert world.when(declare(changed, 101)) == ("accepted", [DECLARED])
    assert world.when(deposit(2)) == ("accepted", [SUBMITTED])


def test_changed_traits_with_a_newer_answer_of_insi_stay_qualified() -> None:
    world = World().given(declare(asked=100), deposit(1))
    assert world.when(declare(RENAMED, 101)) == ("accepted", [DECLARED])
    assert world.when(document_of(2, RENAMED))[0] == "accepted"
    # From then on the old traits are the ones that differ.
    assert world.when(declare(TRAITS, 101)) == ("accepted", [DECLARED, REVOKED])


def test_the_first_answer_of_insi_is_newer_than_none() -> None:
    world = World().given(declare(asked=None))
    assert world.when(declare(RENAMED, 1)) == ("accepted", [DECLARED])


def test_a_declaration_without_an_answer_does_not_make_an_old_one_new() -> None:
    world = World().given(declare(asked=100), declare(asked=None))
    assert world.when(declare(RENAMED, 100)) == ("accepted", [DECLARED, REVOKED])


def test_a_birthplace_does_not_change_by_being_left_out_once() -> None:
    world = World().given(declare(), declare({**TRAITS, "birthPlace": None}))
    elsewhere = {**TRAITS, "birthPlace": "75056"}
    assert world.when(declare(elsewhere)) == ("accepted", [DECLARED, REVOKED])


def test_a_revoked_identity_needs_a_newer_answer_of_insi_too() -> None:
    world = World().given(declare(asked=100), record_message("RevokeIdentity"))
    assert warnings(world, declare(asked=100)) == [("qualification_lost", "insiRequestedAt")]
    assert world.when(declare(asked=100)) == ("accepted", [DECLARED, REVOKED])
    assert world.when(deposit(1)) == ("identity_revoked", [])
    assert world.when(declare(asked=101)) == ("accepted", [DECLARED])
    assert world.when(deposit(1))[0] == "accepted"


def test_an_identity_revoked_before_any_declaration_needs_an_answer_of_insi() -> None:
    world = World().given(record_message("RevokeIdentity"))
    assert world.when(declare(asked=None)) == ("accepted", [DECLARED, REVOKED])
    assert world.when(deposit(1)) == ("identity_revoked", [])
    assert world.when(declare(asked=1)) == ("accepted", [DECLARED])
    assert world.when(deposit(1))[0] == "accepted"


def test_why_an_identity_was_revoked_stands_in_the_event_and_names_no_value() -> None:
    world = World().given(declare())
    world.when(declare(RENAMED))
    reason = world.datum()["reason"]
    assert "traits.birthName" in reason
    assert "PAT" not in reason


@pytest.mark.parametrize("traits", [None, TRAITS, MARRIED, SPELT, {**TRAITS, "birthPlace": None}])
def test_a_document_of_the_declared_traits_or_of_none_is_filed(
    traits: dict[str, Any] | None,
) -> None:
    world = World().given(declare())
    assert world.when(document_of(1, traits)) == ("accepted", [OPENED, SUBMITTED])


def test_nothing_is_compared_where_nothing_was_declared() -> None:
    world = World().given(document_of(1, TRAITS))
    assert world.when(document_of(2, RENAMED)) == ("accepted", [SUBMITTED])
    world.given(declare(matricule=BRUNO))
    assert world.when(document_of(3, RENAMED)) == ("accepted", [SUBMITTED])


def test_a_document_of_other_traits_waits_for_a_human() -> None:
    """SPEC a.4: automatic filing needs strict equality of traits, else a work list; TRAP 7."""
    world = World().given(declare(asked=1), document_of(1, TRAITS))
    other = world.read(document_of(2, RENAMED))
    refused = decide(world.view, other)
    assert not isinstance(refused, Decision)
    assert (refused.code, refused.path) == ("traits_differ", "document.sourcePatientInfo.birthName")
    assert refused.rule.retryable
    assert refused.rule.hl7 == 904
    # What is there stays: a resend is a repetition, whatever was declared since (decision 0017).
    assert world.when(declare(RENAMED, 2)) == ("accepted", [DECLARED])
    assert world.when(document_of(1, TRAITS)) == ("duplicate", [])
    assert world.when(document_of(2, RENAMED)) == ("accepted", [SUBMITTED])


@pytest.mark.parametrize(("effect", "told"), [("warn", ["traits_differ"]), ("off", [])])
def test_an_installation_may_take_documents_of_other_traits(effect: Any, told: list[str]) -> None:
    world = World(whole_view(severities=Severities({"traits_differ": effect})))
    world.given(declare())
    message = document_of(1, RENAMED)
    assert [code for code, _ in warnings(world, message)] == told
    assert world.when(message) == ("accepted", [OPENED, SUBMITTED])


# Which records are looked at


@given(st.lists(st.sampled_from(sorted(_RECORD)), max_size=8))
def test_the_head_of_a_record_tells_whether_an_identity_was_declared(names: list[str]) -> None:
    """Of the many records that a first document opened nothing is read."""
    head = NO_HEAD
    for name in names:
        reason = {"reasonCode": "DEATH"}
        head = evolve_record(head, Event(b"", 1, name, reason))
    assert bool(head.flags & RecordFlags.DECLARED) is (IDENTITY_DECLARED in names)


# On the store


def test_what_was_declared_is_read_again_from_the_store(site: Site) -> None:
    assert site.write(declare(asked=5), document_of(1, TRAITS)) == ["accepted"] * 2
    for _ in range(2):  # a writer that remembers, and one that was started anew
        writer = site.writer()
        parts = site.parts(document_of(2, RENAMED))
        assert answers(writer.write(parts)) == ["traits_differ"]
        parts = site.parts(document_of(2, RENAMED))
        assert answers(writer.write(parts)) == ["traits_differ"]
    writer = site.writer()
    assert answers(writer.write(site.parts(declare(RENAMED, 5)))) == ["accepted"]
    assert answers(writer.write(site.parts(document_of(3, TRAITS)))) == ["identity_revoked"]
    assert answers(writer.write(site.parts(declare(RENAMED, 6)))) == ["accepted"]
    assert answers(writer.write(site.parts(document_of(3, RENAMED)))) == ["accepted"]
    assert answers(writer.write(site.parts(document_of(4, TRAITS)))) == ["traits_differ"]
    assert site.names().count(REVOKED) == 1


def test_what_a_writer_declared_itself_it_does_not_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[frozenset[int]]()
    named = site.store.reading.named

    def counted(records: Any, names: Any) -> Any:
        asked.append(frozenset(records))
        return named(records, names)

    monkeypatch.setattr(site.store.reading, "named", counted)
    writer = site.writer()

    def write(*messages: Message) -> list[str]:
        return answers(writer.write(site.parts(*messages)))

    opened = record_message("OpenRecord"), declare(asked=5), record_message("ActivateRecord")
    assert write(*opened) == ["accepted"] * 3
    assert write(document_of(1, TRAITS), document_of(2, RENAMED)) == ["accepted", "traits_differ"]
    assert write(record_message("OpposeFeeding")) == ["accepted"]
    assert write(record_message("WithdrawOpposition")) == ["accepted"]
    assert write(document_of(3, RENAMED), document_of(4, TRAITS)) == ["traits_differ", "accepted"]
    assert write(document_of(5, RENAMED, matricule=BRUNO)) == ["accepted"]
    assert write(record_message("ActivateRecord", matricule=BRUNO)) == ["accepted"]
    assert write(document_of(6, TRAITS, matricule=BRUNO)) == ["accepted"]
    assert asked == []
    assert site.write(document_of(7, RENAMED)) == ["traits_differ"]
    assert asked == [frozenset({1})]


def test_two_declarations_in_one_batch(site: Site) -> None:
    batch = declare(asked=5), declare(RENAMED, 5), declare(SPELT, 6), declare(SPELT, 6)
    assert site.write(*batch) == ["accepted"] * 4
    assert site.names() == [DECLARED, DECLARED, REVOKED, DECLARED, DECLARED]
    assert site.write(document_of(1, TRAITS)) == ["accepted"]


def test_a_declaration_that_comes_between_reading_and_writing_is_seen(site: Site) -> None:
    """The version of the record's stream is part of what the decision rests on."""
    assert site.write(declare(asked=5)) == ["accepted"]
    late, first = site.writer(), site.writer()
    # Both know the record at this version.
    assert answers(late.write(site.parts(document_of(1, TRAITS)))) == ["accepted"]
    parts = site.parts(document_of(2, TRAITS))

    def meanwhile(_: Sequence[Any]) -> None:
        if len(site.events()) < 4:
            first.write(site.parts(declare(RENAMED, 5)))

    written = late.write(parts, meanwhile)
    assert (written.races, answers(written)) == (1, ["identity_revoked"])


def test_a_document_of_other_traits_is_filed_once_the_identity_is_corrected(site: Site) -> None:
    """The dead letter is the human's work list (SPEC a.4)."""
    assert site.write(declare(asked=5), document_of(1, RENAMED)) == ["accepted", "traits_differ"]

    def retry() -> list[str | None]:
        again = Retry(site.store, CONTEXT, SystemClock())
        done = again([letter.letter for letter in waiting(site.store)])
        return [arrival.code or arrival.status for part in done for arrival in part]

    assert retry() == ["traits_differ"]
    assert site.write(declare(RENAMED, 5)) == ["accepted"]
    assert retry() == ["identity_revoked"]
    assert site.write(declare(RENAMED, 6)) == ["accepted"]
    assert retry() == ["accepted"]
    assert site.balance()["events"] == len(site.events())
    assert site.store.auditing.verify_streams() == []


def test_an_erased_record_has_nothing_declared_and_takes_nothing(site: Site) -> None:
    writer = site.writer()
    assert answers(writer.write(site.parts(declare(), document_of(1, TRAITS)))) == ["accepted"] * 2
    site.store.erase(site.events()[0].record)
    for message in (declare(RENAMED), document_of(2, RENAMED)):
        assert answers(writer.write(site.parts(message))) == ["record_erased"]
        assert answers(site.writer().write(site.parts(message))) == ["record_erased"]


# Random histories against a naive model


@dataclass
class Model:
    """One person: the last traits said in full, the newest answer of INSi, revoked or not."""

    traits: dict[str, Any] | None = None
    asked: int = -1
    revoked: bool = False
    documents: int = 0
    done: list[str] = field(default_factory=list)

    def take(self, kind: str, name: str, place: str | None, asked: int | None) -> str:
        said = {"birthName": name, "birthPlace": place}
        differs = self.traits is not None and any(
            said[t] is not None and self.traits[t] is not None and said[t] != self.traits[t]
            for t in said
        )
        if kind == "revoke":
            before, self.revoked = self.revoked, True
            return "unchanged" if before else "accepted"
        if kind == "deposit":
            return (
                "identity_revoked" if self.revoked else "traits_differ" if differs else "accepted"
            )
        newer = asked is not None and asked > self.asked
        self.revoked = not newer and (self.revoked or differs)
        kept = self.traits["birthPlace"] if self.traits and place is None else place
        self.traits = {"birthName": name, "birthPlace": kept}
        self.asked = max(self.asked, -1 if asked is None else asked)
        return "accepted"


STEPS = st.tuples(
    st.sampled_from(["declare", "declare", "deposit", "deposit", "revoke"]),
    st.sampled_from(["PETIT", "LEGRAND"]),
    st.sampled_from(["75056", "2A004", None]),
    st.none() | st.integers(0, 4),
)
_numbers = itertools.count(1)
_people = itertools.count(100)


def message_of(step: tuple[str, str, str | None, int | None], matricule: str) -> Message:
    kind, name, place, asked = step
    traits = {**TRAITS, "birthName": name, "birthPlace": place}
    if kind == "revoke":
        return record_message("RevokeIdentity", matricule=matricule)
    if kind == "declare":
        return declare(traits, asked, matricule=matricule)
    return document_of(next(_numbers), traits, matricule=matricule)


@given(
    steps=st.lists(STEPS, min_size=1, max_size=10),
    cuts=st.lists(st.integers(1, 9), max_size=3, unique=True),
)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def random_declarations(site: Site, steps: list[Any], cuts: list[int]) -> None:
    """A batch holds the topic `patients` before `documents` or after it: one step at a time of each
    kind in a row keeps the order.
    """
    body = f"2790351215{next(_people):03d}"
    matricule = body + matricule_key(body)
    model, writer = Model(), site.writer()
    batches: list[list[Any]] = []
    for place, step in enumerate(steps):
        topic = step[0] == "deposit"
        same = batches and (batches[-1][-1][0] == "deposit") is topic
        if same and place not in cuts:
            batches[-1].append(step)
        else:
            batches.append([step])
    for batch in batches:
        expected = [model.take(*step) for step in batch]
        found = answers(writer.write(site.parts(*(message_of(s, matricule) for s in batch))))
        assert found == expected


def test_random_declarations(site: Site) -> None:
    random_declarations(site)
