"""Every message has a decider of its type; a view answers for what was read and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from ingest.decide.decide import decide
from ingest.decide.deciders import DECIDERS
from ingest.facts.heads import Installation
from ingest.facts.message import TYPE_OF, Deposit, LinkMessage
from ingest.facts.needs import KINDS, NotRead
from ingest.facts.view import View
from schemas.feed import access_messages, messages, registry
from schemas.feed.messages import TOPIC_OF
from tests.ingest.decide.deciding import World, author_hash
from tests.ingest.feed_messages import deposit, mask

DATUMS: dict[str, object] = {**vars(messages), **vars(access_messages), **vars(registry)}
EMPTY = View(Installation(author_hash))
ASKED: dict[str, Callable[[View], object]] = {
    "identity": lambda view: view.ref("1|2"),
    "document": lambda view: view.document(b"d"),
    "record": lambda view: view.record(1),
    "applied": lambda view: view.applied_digest(b"m"),
    "first_event": lambda view: view.first_event(b"d"),
    "waiting": lambda view: view.waiting_for(b"d"),
    "successors": lambda view: view.successors_of(b"replaced"),
    "person": lambda view: view.person(1),
    "declared": lambda view: view.declared_identity(1),
    "access": lambda view: view.access_events(1),
    "entry": lambda view: view.entry(b"e"),
    "referring": lambda view: view.referring_to("study"),
    "versions": lambda view: view.versions_of(1),
}


def test_every_message_has_a_type_and_a_decider() -> None:
    assert callable(decide), "its module brings all of them"
    assert TYPE_OF.keys() == DECIDERS.keys() == TOPIC_OF.keys()


@pytest.mark.parametrize("name", sorted(DECIDERS))
def test_a_decider_takes_the_message_whose_name_it_has(name: str) -> None:
    expected: Any = TYPE_OF[name]
    if expected not in (Deposit, LinkMessage):
        expected = expected[DATUMS[name]]
    hints = get_type_hints(DECIDERS[name].rule)
    assert hints["message"] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_read_is_never_taken_for_what_is_not_there(kind: str) -> None:
    replaced = World().given(deposit(1)).state(1)._replace(replaced_by=b"by")
    view = View(Installation(author_hash), documents={b"replaced": replaced})
    with pytest.raises(NotRead) as raised:
        ASKED[kind](view)
    assert raised.value.need.kind == kind


def test_a_view_after_events_leaves_the_one_before_as_it_was() -> None:
    world = World().given(deposit(1))
    before = world.state(1)
    after = world.view.after(World(world.view.after([])).given(mask(1)).events)
    assert after.document(world.events[1].stream) != before
    assert world.state(1) == before


def test_an_event_on_what_was_not_read_leaves_it_unread() -> None:
    world = World().given(deposit(1))
    view = View(
        world.view.installation,
        records={1: world.view.record(1)},
        documents=dict(world.view.documents),
    )
    for event in World(world.view.after([])).given(mask(1)).events:
        view.apply(event)
    with pytest.raises(NotRead):
        view.first_event(world.events[1].stream)
