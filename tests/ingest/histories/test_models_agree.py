"""The two models that judge this project say the same of every random history.

`Naive` decides: it stands beside the product's decisions. `Reference` only folds what was accepted:
it stands beside what a whole system shows (tests/system). They share no line (decision 0045).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given

from tests.ingest.histories.ingest_histories import (
    DR_A,
    IMAGED,
    MINORS,
    ONE,
    PERSONS,
    Names,
    fresh_names,
    histories,
    versions,
)
from tests.ingest.histories.naive_model import Deposit, House, Message, Naive, OnRecord
from tests.ingest.histories.test_histories import play, profile
from tests.system.judge.evidence import Fed, Place
from tests.system.judge.reference import Decided, Reference

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READERS = {
    "patient": "patient",
    "representative": "representative",
    "professional": "professional",
    DR_A.who: "author:",
}
"""A reader in the words of `Naive`, and in those of `Reference`."""


def decided(names: Names, messages: Sequence[Message], model: Naive) -> list[Decided]:
    """The history as it lies on the feed, with what `Naive` finally answered to each message."""
    found = []
    for place, message in enumerate(messages):
        schema, datum = names.said(message)
        key = names.person(message.person).encode()
        fed = Fed(Place("documents", 0, place), key, str(place), schema, datum)
        found.append(Decided(fed, model.answers[place].upper()))
    return found


def agree(messages: Sequence[Message]) -> None:
    """Every reader sees the same of every person."""
    names = fresh_names()
    model = play(Naive(House(), MINORS), messages)
    reference = Reference(decided(names, messages, model))
    assert reference.unexplained == []
    for person in PERSONS:
        for reader, asked in READERS.items():
            who = asked + names.identifier(reader) if asked == "author:" else asked
            seen = reference.timeline(names.person(person), who, NOW)
            told = tuple(
                {names_of(names, uid) for uid in part} for part in (seen.documents, seen.archived)
            )
            assert told == model.seen(person, reader), (person, reader)
            for uid, flags in seen.flags.items():
                assert len(flags) == len(model.papers[names_of(names, uid)].flags)


def names_of(names: Names, unique_id: str) -> int:
    """The number of a document."""
    return int(unique_id.rpartition(".")[2]) - names.number(0)


@given(messages=histories(themes=(ONE, IMAGED)))
@profile(150)
def test_models_agree_on_what_is_shown_of_one_person(messages: list[Message]) -> None:
    """Of one: messages about a document under two INS have no order that a reader of the feed could
    know.
    """
    agree([m for m in messages if m.person == PERSONS[0] or isinstance(m, OnRecord)])


@given(messages=versions())
@profile(60)
def test_models_agree_on_versions(messages: list[Message]) -> None:
    assert any(isinstance(message, Deposit) for message in messages)
    agree(messages)
