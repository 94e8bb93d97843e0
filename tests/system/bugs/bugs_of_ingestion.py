"""Bugs planted into the way from the feed to the log and to the outcomes."""

from __future__ import annotations

from typing import Any

from tests.system.bugs.planting import apart, module


def positions_first() -> None:
    """The positions of the feed are committed before what was read from there."""
    store = module("ingest.eventstore.store")
    original = store.move_sources
    store.move_sources = lambda cursor, advances: apart(
        cursor, lambda other: original(other, advances)
    )


def deposits_repeated() -> None:
    """No de-duplication: a deposit that is known is stored once more, and its head says so."""
    deposits, view_of = module("ingest.decide.deposit"), module("ingest.facts.view").View
    add = view_of._add_document

    def again(view: Any, message: Any, stored: Any) -> Any:
        given = (message.stream, stored.record, message.datum, message.submitted)
        event = deposits.document_submitted(*given, has_content=True)
        return deposits.Decision(deposits.ACCEPTED, (event,), keeps_content=True)

    def add_again(self: Any, event: Any) -> None:
        before = self.document(event.stream)
        add(self, event)
        if before is not None:
            head = self.documents[event.stream]
            self.documents[event.stream] = head._replace(version=before.version + 1)

    deposits._repeated_deposit, view_of._add_document = again, add_again


def copies_applied() -> None:
    """A late copy of a mask is applied again; nor does the store refuse it."""
    assembly, store = module("ingest.batch.assemble"), module("ingest.eventstore.store")
    decide, write_applied = assembly.decide, store.write_applied
    lost_race = module("ingest.eventstore.append_batch").LostRace

    def forgetful(view: Any, message: Any) -> Any:
        view.applied[message.message_id] = None
        return decide(view, message)

    def lenient(*arguments: Any) -> None:
        try:
            write_applied(*arguments)
        except lost_race:
            return

    assembly.decide, store.write_applied = forgetful, lenient
    module("ingest.eventstore.log.encoded_batch")._check_messages = lambda batch: None


def fence_forgotten() -> None:
    """No fencing: positions are set, whatever they were."""
    append = module("ingest.eventstore.log.append")
    compared = b" AND (p.next_offset = u.base OR u.next = u.base)"
    assert compared in append._FENCE
    append._FENCE = append._FENCE.replace(compared, b"")


def lock_forgotten() -> None:
    """Positions as from a sequence, without the lock: they become visible in another order."""
    store = module("ingest.eventstore.store")
    original = store.take_positions
    store.lock_writers = lambda cursor: None
    store.take_positions = lambda cursor, count: apart(cursor, lambda other: original(other, count))


def unknown_retried() -> None:
    """After an unknown outcome the batch is tried again blindly, without the fence."""
    fence_forgotten()
    module("ingest.batch.write")._FeedWork.was_committed = lambda self: False


def rejected_passed_over() -> None:
    """The position goes past a message that is refused, and nothing is said of it."""
    batch = module("ingest.batch.write")
    original = batch.add_outcomes
    batch.new_dead_letters = lambda *arguments: []
    batch.add_outcomes = lambda batch, arrivals, *rest: original(
        batch, [a for a in arrivals if a.rejection is None], *rest
    )


def letters_forgotten() -> None:
    """What is refused has an outcome, and no letter is kept."""
    module("ingest.eventstore.store").write_dead_letters = lambda cursor, letters, received_at: None


def outcomes_apart() -> None:
    """Outcomes are written after the batch is committed, in a transaction of their own."""
    store = module("ingest.eventstore.store")
    write, commit = store.write_outcomes, store.EventStore._commit
    store.write_outcomes = lambda *arguments: None

    def then_outcomes(self: Any, batch: Any, ready: Any) -> Any:
        answer = commit(self, batch, ready)
        with self.writer.connection.cursor(binary=True) as cursor:
            write(cursor, batch.outcomes, answer.recorded_at)
        return answer

    store.EventStore._commit = then_outcomes


def outcomes_marked_first() -> None:
    """The relay marks outcomes as published before they are."""
    relay = module("ingest.upkeep.relay")
    original = relay.Relay._publish

    def relay_once(self: Any, metrics: Any = None) -> int:
        rows = self._store.outcomes.unpublished(relay.ROWS)
        self._store.outcomes.mark_published(row.id for row in rows)
        if rows:
            relay.crash_point("outcomes_published")
        read = (relay.decode_event("OutcomeBatch", row.payload)["outcomes"] for row in rows)
        outcomes = [outcome for batch in read for outcome in batch]
        original(self, outcomes)
        return len(outcomes)

    relay.Relay.relay_once = relay_once


def order_forgotten() -> None:
    """A batch is decided from its end."""
    assembly = module("ingest.batch.assemble").Assembly
    original = assembly.take
    assembly.take = lambda self, arrivals: original(self, list(arrivals)[::-1])


def masks_lost_in_repetition() -> None:
    """A deposit repeated with other flags is taken for a mere repetition."""
    module("ingest.decide.deposit").different_field = lambda one, other: None


def place_unchecked() -> None:
    """Any partition is accepted, and any key."""
    module("ingest.read.interpret")._key_and_partition_right = lambda *arguments: None


def contents_unwritten() -> None:
    """The event is stored, the bytes it refers to are not."""
    module("ingest.eventstore.content.sealed").ContentStore.put = lambda self, contents: None


def erased_keys_cached() -> None:
    """The cache of the keys is never dropped: it goes on serving a key that was destroyed."""
    ring = module("ingest.eventstore.keys.key_ring").KeyRing
    ring._forget_if_erased = lambda self: self.erasures()
