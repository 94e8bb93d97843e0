"""What is read beforehand makes a batch fast and no decision other: late reads give the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ingest.basis.prefetch import BasisReader
from ingest.batch.write import BatchWriter, Written
from ingest.decide.deciders import DECIDERS
from ingest.facts.needs import KINDS
from ingest.read.service_wait import without_waiting
from ingest.runtime.lifecycle import SystemClock
from schemas.codec.messages import decode_event
from schemas.events import SCHEMA_OF
from schemas.forms.stream_ids import record_stream
from tests.ingest.access_given import access_message
from tests.ingest.feed_messages import (
    CONTEXT,
    TRAITS,
    deposit,
    mask,
    operation,
    patient,
    record_message,
    unique_id,
)
from tests.ingest.histories.ingest_histories import (
    IMAGED,
    LINKED,
    MASKS,
    PERSONS,
    cut,
    fresh_names,
    histories,
    houses,
    policy_of_house,
)
from tests.ingest.histories.naive_model import House, Message
from tests.ingest.histories.test_histories import Stored, by_partition, profile
from tests.ingest.ingest_site import Message as FeedMessage
from tests.ingest.ingest_site import Site, answers
from tests.ingest.registry_messages import reference, withdraw
from tests.samples.deposit import kos

ALL: frozenset[str] = frozenset(KINDS)


def what_came_of(system: Stored) -> tuple[object, ...]:
    """Outcomes, events in order with all that they say, dead letters."""
    person_of = {system.record(person): person for person in PERSONS}
    events = []
    for event in system.events:
        assert event.encoded is not None
        datum = decode_event(SCHEMA_OF[event.name], event.encoded)
        datum.pop("messageId", None)  # a deposit gets a new one each time it is made
        if "otherRecord" in datum:
            datum["otherRecord"] = person_of[datum["otherRecord"]]
        # Numbers of records depend on who was met first, and so do the names of their streams.
        document = None if event.stream == record_stream(event.record) else event.stream
        events.append((person_of[event.record], document, event.version, event.name, datum))
    letters = [
        (system.places[letter.source, letter.offset], letter.code, letter.path, letter.status)
        for letter in system.site.store.dead_letters.page(status=None, limit=10_000)
        if (letter.source, letter.offset) in system.places
    ]
    return system.answers, events, sorted(letters)


@given(messages=histories(most=6, themes=(LINKED, MASKS, IMAGED)), house=houses, data=st.data())
@settings(profile(2), phases=[Phase.generate])
def played_on_both(
    sites: tuple[Site, Site],
    prefetched: Collection[str],
    late: Counter[str],
    messages: list[Message],
    house: House,
    data: st.DataObject,
) -> None:
    names, policy = fresh_names(), policy_of_house(house)
    whole = Stored(names, policy, sites[0])
    parts = Stored(names, policy, sites[1], prefetched=prefetched)
    for batch in data.draw(cut(messages)):
        for system in (whole, parts):
            system.write(by_partition(names, batch))
    assert what_came_of(whole) == what_came_of(parts)
    late.update(parts.late_reads)


@pytest.mark.parametrize("left_out", [*KINDS, "everything"])
def test_histories_are_the_same_whatever_is_read_beforehand(
    new_site: Callable[[], Site], left_out: str
) -> None:
    prefetched = ALL - {left_out} if left_out in ALL else frozenset[str]()
    late = Counter[str]()
    played_on_both((new_site(), new_site()), prefetched, late)
    if left_out == "everything":
        assert late, "all is read late"


# A forgotten declaration is counted


GIVEN: list[FeedMessage] = [
    reference(),
    record_message("DeclareIdentity", insiRequestedAt=1),
    deposit(1),
    deposit(2, replaces=unique_id(1)),
]
ASKING: dict[str, FeedMessage] = {
    "DepositDocument": deposit(3, sourcePatientInfo=TRAITS),
    "ChangeVisibility": mask(1),
    "ArchiveDocument": operation("ArchiveDocument", 1),
    "DeclareIdentity": record_message("DeclareIdentity", insiRequestedAt=2),
    "CloseRecord": record_message("CloseRecord"),
    "LinkIns": record_message("LinkIns"),
    "UnlinkIns": record_message("UnlinkIns"),
    "AuthoriseAccess": access_message("AuthoriseAccess"),
    "ReferenceSoftware": reference(last="20251231"),
    "WithdrawReference": withdraw(),
}
"""One message for each declaration of needs."""
SCRIPT: list[FeedMessage] = [
    *GIVEN,
    deposit(4, typeCode="18748-4", classCode="31", referenceIdList=kos()["referenceIdList"]),
    deposit(5, **kos()),
    deposit(2, replaces=unique_id(1)),
    mask(1, on=False, by=patient()),
    *ASKING.values(),
]
"""Messages that ask for every kind of fact between them."""


def written(site: Site, *messages: FeedMessage, prefetched: Collection[str] = KINDS) -> Written:
    reader = BasisReader(site.store, CONTEXT, prefetched=prefetched)
    writer = BatchWriter(site.store, CONTEXT, SystemClock(), without_waiting, reader)
    return writer.write(site.parts(*messages))


def test_every_declaration_of_needs_is_asked() -> None:
    assert {DECIDERS[name].needs for name in ASKING} == {one.needs for one in DECIDERS.values()}


def test_every_kind_is_read_late_when_nothing_is_read_beforehand(
    new_site: Callable[[], Site],
) -> None:
    """The messages ask for each kind of fact; none changes an outcome by being read late."""
    whole, late_ones = new_site(), new_site()
    late = Counter[str]()
    for message in SCRIPT:
        right = written(whole, message)
        other = written(late_ones, message, prefetched=frozenset())
        late.update(other.late_reads)
        assert answers(other) == answers(right)
    assert set(late) == ALL
    assert late_ones.names() == whole.names()


@pytest.mark.parametrize("name", ASKING)
def test_a_decider_that_forgets_its_needs_is_found_by_the_count(
    new_site: Callable[[], Site], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: a declaration is empty. Outcomes are right all the same; the count tells."""
    sound, buggy = new_site(), new_site()
    for site in (sound, buggy):
        for message in GIVEN:
            assert answers(written(site, message)) == ["accepted"]
    right = written(sound, ASKING[name])
    assert not right.late_reads
    empty: Any = lambda view, message: ()  # noqa: E731
    monkeypatch.setitem(DECIDERS, name, DECIDERS[name]._replace(needs=empty))
    wrong = written(buggy, ASKING[name])
    assert sum(wrong.late_reads.values()) > 0
    assert answers(wrong) == answers(right)
    assert buggy.names() == sound.names()
