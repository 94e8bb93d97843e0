"""What a decision rests on is checked again at commit, also where it brought no event.

Each test has another process write at the worst moment, just before the append.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import AppendBatch, Appended
from ingest.feed import PolledPartition
from ingest.read.arrivals import Arrival
from tests.ingest.access_given import access_message
from tests.ingest.feed_messages import ANNA, BRUNO, CLARA, deposit, record_message, unique_id
from tests.ingest.ingest_site import Message, Site, answers, of_source


class Raced(EventStore):
    """A store on which something else happens once, just before an append."""

    before: Callable[[], None] | None = None

    def append(self, batch: AppendBatch) -> Appended:
        if self.before is not None:
            before, self.before = self.before, None
            before()
        return super().append(batch)


@pytest.fixture
def raced(site: Site) -> Iterator[Raced]:
    with Raced.open(site.settings) as store:
        yield store


def elsewhere(site: Site, *messages: Message) -> list[PolledPartition[Arrival]]:
    """The same messages as another process reads them, from sources of its own."""
    other = Site(site.settings, site.store)
    parts = other.parts(*messages)
    for part in parts:
        of_source(part, "elsewhere")
        site.store.sources.insert(part.records[0].source, "topic", 0)
    return parts


def decided_again(site: Site, raced: Raced, ours: Message, theirs: Message) -> list[str]:
    """The answer to our message when theirs is committed between its decision and its commit."""
    parts = site.parts(ours)

    def quicker() -> None:
        assert answers(site.writer().write(elsewhere(site, theirs))) == ["accepted"]

    raced.before = quicker
    written = site.writer(raced).write(parts)
    assert written.races == 1, "decided on what is no longer true"
    assert site.store.auditing.verify_streams() == []
    return answers(written)


@pytest.mark.parametrize("linked", [False, True], ids=["with the first event", "two links away"])
def test_a_link_made_while_the_person_is_read_counts(
    site: Site, linked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is written just after the links of some records are read.

    Clara blocked the doctor; the link makes her a person with Anna, whose record had no event,
    or with Bruno, who is one with Anna already.
    """
    site.write(access_message("BlockProfessional", matricule=CLARA))
    near = ANNA
    if linked:
        site.write(record_message("LinkIns", matricule=ANNA, otherMatricule=BRUNO))
        near = BRUNO
    link = record_message("LinkIns", matricule=near, otherMatricule=CLARA)
    parts = site.parts(access_message("AuthoriseAccess"))
    with EventStore.open(site.settings) as store:
        reading, links, asked = store.reading, store.reading.links, list[Iterable[int]]()

        def then_linked(records: Iterable[int]) -> dict[int, frozenset[int]]:
            found = links(records)
            asked.append(records)
            if len(asked) == (2 if linked else 1):
                assert answers(site.writer().write(elsewhere(site, link))) == ["accepted"]
            return found

        monkeypatch.setattr(reading, "links", then_linked)
        written = site.writer(store).write(parts)
    assert (written.races, answers(written)) == (1, ["professional_blocked"])


UNCHANGED = [
    ("WithdrawOpposition", [], "OpposeFeeding"),
    ("OpposeFeeding", ["OpposeFeeding"], "WithdrawOpposition"),
    ("OpenRecord", ["OpenRecord"], "CloseRecord"),
    ("CloseRecord", ["CloseRecord"], "OpenRecord"),
    ("RevokeIdentity", ["RevokeIdentity"], "DeclareIdentity"),
]


@pytest.mark.parametrize(("ours", "given", "theirs"), UNCHANGED, ids=[row[0] for row in UNCHANGED])
def test_unchanged_is_an_answer_to_the_record_as_it_is_at_commit(
    site: Site, raced: Raced, ours: str, given: list[str], theirs: str
) -> None:
    """An opposition withdrawn at the same time as it is made would else stand for ever."""
    site.write(*(record_message(name) for name in given))
    assert site.write(record_message(ours)) == ["unchanged"]
    asked: dict[str, Any] = {"insiRequestedAt": 1} if theirs == "DeclareIdentity" else {}
    again = decided_again(site, raced, record_message(ours), record_message(theirs, **asked))
    assert again == ["accepted"]


BOTH_OPEN = [deposit(8), deposit(9, matricule=BRUNO)]
"""Else the streams of the records are new, which is a race of its own."""


def test_a_waiting_version_is_joined_by_a_link_made_meanwhile(site: Site, raced: Raced) -> None:
    site.write(*BOTH_OPEN, deposit(2, replaces=unique_id(1)))
    ours = deposit(1, matricule=BRUNO)
    assert decided_again(site, raced, ours, record_message("LinkIns")) == ["accepted"]
    assert site.names()[-1] == "document_replaced"


def test_a_waiting_version_is_not_joined_once_the_link_is_undone(site: Site, raced: Raced) -> None:
    site.write(*BOTH_OPEN, deposit(2, replaces=unique_id(1)))
    site.write(record_message("LinkIns"))
    ours = deposit(1, matricule=BRUNO)
    assert decided_again(site, raced, ours, record_message("UnlinkIns")) == ["accepted"]
    assert "document_replaced" not in site.names()


def test_a_third_record_joined_meanwhile_counts_for_a_waiting_version(
    site: Site, raced: Raced
) -> None:
    """The record of the document that comes is not named by the link that joins it to the other."""
    site.write(*BOTH_OPEN, deposit(2, replaces=unique_id(1)))
    site.write(record_message("LinkIns", matricule=BRUNO, otherMatricule=CLARA))
    ours = deposit(1, matricule=BRUNO)
    link = record_message("LinkIns", otherMatricule=CLARA)
    assert decided_again(site, raced, ours, link) == ["accepted"]
    assert site.names()[-1] == "document_replaced"
