"""Erasing a person reaches every message of his that was refused, whenever it was."""

from __future__ import annotations

from typing import Any

import psycopg

from ingest.feed import OutgoingRecord
from tests.ingest.feed_messages import BRUNO, deposit, key_of, mask
from tests.ingest.ingest_site import Site


def test_what_was_refused_before_the_person_was_known_is_found_by_his_key(site: Site) -> None:
    first = deposit(1)
    site.publish_records(
        OutgoingRecord("documents", key_of(first[1]), b"garbage"),
        OutgoingRecord("documents", key_of(deposit(2, matricule=BRUNO)[1]), b"garbage"),
    )
    site.ingest()
    assert [letter.record for letter in site.store.dead_letters.page()] == [None, None]
    site.publish(first)
    site.ingest()
    site.store.erase(site.events()[-1].record)
    statuses = {
        letter.letter: letter.status for letter in site.store.dead_letters.page(status=None)
    }
    assert sorted(statuses.values()) == ["erased", "waiting"]


def test_what_was_refused_to_a_known_person_can_not_be_read_without_his_key(site: Site) -> None:
    site.publish(deposit(1))
    site.ingest()
    site.publish(mask(77), mask(78, matricule=BRUNO))
    site.ingest()
    record = site.events()[-1].record
    dsn: Any = site.settings.database_dsn
    with psycopg.connect(dsn.get_secret_value()) as conn:
        conn.execute(
            "update record_key set wrapped = null, erased_at = now() where record = %s", (record,)
        )
        conn.execute("update erasure_count set erasures = erasures + 1")
    letters = {letter.record: letter.letter for letter in site.store.dead_letters.page()}
    assert len(letters) == 2
    assert site.store.dead_letters.get(letters.pop(record)).raw is None
    assert all(site.store.dead_letters.get(number).raw for number in letters.values())
