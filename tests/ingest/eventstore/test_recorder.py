"""The eventsourcing library on our log: its own published cases, and an analyst's projection."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Any
from unittest import TestCase
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    StoredEvent,
    Tracking,
)
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.tests import persistence as published

from ingest.eventstore import EventStore
from ingest.eventstore.library.events import (
    CLASS_OF,
    DocumentArchived,
    DocumentSubmitted,
    Erased,
    HistoireMapper,
    LogEvent,
)
from ingest.eventstore.library.recorder import (
    HistoireAggregateRecorder,
    HistoireRecorder,
    HistoireTrackingRecorder,
)
from schemas.events import SCHEMA_OF
from schemas.forms.stream_ids import document_stream
from tests.ingest.eventstore.store_batches import Batch, Place, records, submitted, uids


@pytest.fixture
def on_log(request: pytest.FixtureRequest, store: EventStore) -> None:
    request.instance.store = store


@pytest.mark.usefixtures("on_log")
class OnLog(TestCase):
    """A new recorder for each case of the library."""

    __test__ = False
    store: EventStore

    def create_recorder(self) -> HistoireRecorder:
        return HistoireRecorder(self.store, "tests")

    def new_originator_id(self) -> UUID:
        return uuid4()


class TestAggregateRecorder(OnLog, published.AggregateRecorderTestCase):
    __test__ = True

    def create_recorder(self) -> HistoireAggregateRecorder:
        return HistoireAggregateRecorder(self.store, "tests")


class TestApplicationRecorder(OnLog, published.ApplicationRecorderTestCase[HistoireRecorder]):
    __test__ = True

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestProcessRecorder(OnLog, published.ProcessRecorderTestCase):
    __test__ = True


class TestTrackingRecorder(OnLog, published.TrackingRecorderTestCase):
    __test__ = True


class TestNonInterleaving(OnLog, published.NonInterleavingNotificationIDsBaseCase):
    __test__ = True


def stored(stream: UUID, version: int) -> StoredEvent:
    return StoredEvent(stream, version, "a.module:Class", b"state %d" % version)


def test_a_gap_a_repeat_and_a_stream_of_ours_are_refused(store: EventStore) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    ours = UUID(bytes=batch.add("1.2.3.1", record))
    store.append(batch)
    recorder = HistoireRecorder(store, "tests")
    stream = uuid4()
    assert recorder.insert_events([stored(stream, 5), stored(stream, 6)]) == [2, 3]
    for refused in (
        [stored(stream, 6)],
        [stored(stream, 8)],
        [stored(uuid4(), 1), stored(stream, 5)],
        [stored(stream, 7), stored(stream, 9)],
        [stored(stream, 7), stored(stream, 7)],
        [stored(ours, 2)],
    ):
        with pytest.raises(IntegrityError):
            recorder.insert_events(refused)
    assert recorder.max_notification_id() == 3
    assert recorder.insert_events([stored(stream, 7)]) == [4]
    assert store.auditing.verify_streams() == []
    assert store.auditing.counts().library_events == 3


def test_both_kinds_of_events_are_one_log(store: EventStore) -> None:
    (record,) = records(store, 1)
    recorder = HistoireRecorder(store, "tests")
    stream = uuid4()
    recorder.insert_events([stored(stream, 1)])
    batch = Batch()
    batch.add("1.2.3.1", record)
    store.append(batch)
    assert [e.record for e in store.reading.read_after(0, 10)] == [0, record]
    assert store.reading.read_after(0, 1)[0].encoded == b"state 1"
    first, second = recorder.select_notifications(None, 10)
    assert (first.topic, first.state) == ("a.module:Class", b"state 1")
    assert (second.topic, second.state) == ("document_archived", batch.events[0].encoded)
    assert [n.id for n in recorder.select_notifications(0, 9, topics=["document_archived"])] == [2]
    ours = recorder.select_events(UUID(bytes=document_stream("1.2.3.1")))
    assert [(e.originator_version, e.topic) for e in ours] == [(1, "document_archived")]


def test_tracking_is_kept_by_name(store: EventStore) -> None:
    one, other = (HistoireTrackingRecorder(store.writer, name) for name in ("one", "other"))
    one.insert_tracking(Tracking("log", 5))
    assert (one.max_tracking_id("log"), other.max_tracking_id("log")) == (5, None)


def test_every_name_of_the_log_has_a_class() -> None:
    assert set(CLASS_OF) == set(SCHEMA_OF)
    for name, cls in CLASS_OF.items():
        assert cls.__name__ == "".join(part.capitalize() for part in name.split("_"))


def test_the_mapper_says_what_an_event_says_and_that_one_is_erased(store: EventStore) -> None:
    kept, erased = records(store, 2)
    batch = Batch()
    batch.add("1.2.3.1", kept)
    batch.add("1.2.3.2", erased)
    store.append(batch)
    store.erase(erased)
    mapper = InfrastructureFactory[Any].construct({}).mapper(mapper_class=HistoireMapper)
    notifications = HistoireRecorder(store, "tests").select_notifications(None, 10)
    first, second = (mapper.to_domain_event(notification) for notification in notifications)
    assert isinstance(first, DocumentArchived)
    assert first.said["uniqueId"] == "1.2.3.1"
    assert isinstance(second, Erased)
    assert second.originator_id == UUID(bytes=document_stream("1.2.3.2"))


class Study(Aggregate):
    """An aggregate of an analyst."""

    @event("Named")
    def name_it(self, name: str) -> None:
        self.name = name


class Studies(Application[UUID]):
    pass


class CountView(HistoireTrackingRecorder):
    """The documents that were submitted, by uniqueId."""

    def count(self, unique_id: str, tracking: Tracking) -> None:
        with self.transaction(tracking) as cursor:
            cursor.execute("create table if not exists seen_document (uid text, at bigint)")
            cursor.execute(
                "insert into seen_document values (%s, %s)", (unique_id, tracking.notification_id)
            )


class CountSubmitted(Projection[CountView]):
    name = "count_submitted"
    topics = ("document_submitted",)

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)

    @process_event.register
    def _(self, domain_event: DocumentSubmitted, tracking: Tracking) -> None:
        self.view.count(domain_event.said["document"]["uniqueId"], tracking)


@pytest.fixture
def environment(place: Place) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "ingest.eventstore.library",
        "HISTOIRE_DATABASE_DSN": place.dsn,
        "HISTOIRE_MASTER_KEY_FILE": str(place.master_key),
        "HISTOIRE_CONTENT_DIR": str(place.content),
    }


def test_an_application_of_the_library_alone_runs_on_the_log(
    store: EventStore, environment: dict[str, str]
) -> None:
    with Studies(env=environment) as studies:
        study = Study()
        study.name_it("vaccinations")
        studies.save(study)
        found: Study = studies.repository.get(study.id)
        assert (found.name, found.version) == ("vaccinations", 2)
    assert store.auditing.counts().library_events == 2
    with pytest.raises(InfrastructureFactoryError, match="snapshots"):
        Studies(env=environment | {"IS_SNAPSHOTTING_ENABLED": "y"})


def test_a_projection_of_the_library_alone_runs_on_the_log(
    store: EventStore, environment: dict[str, str]
) -> None:
    (record,) = records(store, 1)

    def submit(numbers: list[str]) -> int:
        batch = Batch()
        for uid in numbers:
            batch.add(uid, record, name="document_submitted", state=submitted(uid, bytes(32)))
            batch.add(uid, record, version=2)
        return store.append(batch).last_position - 1

    def run_to(position: int) -> list[tuple[Any, ...]]:
        with ProjectionRunner(
            application_class=Studies,
            projection_class=CountSubmitted,
            view_class=CountView,
            env=environment,
        ) as runner:
            runner.wait(position, timeout=20)
            return runner.view.session.rows(b"select uid from seen_document order by at")

    some = list(uids(6))
    assert run_to(submit(some[:4])) == [(uid,) for uid in some[:4]]
    assert run_to(submit(some[4:])) == [(uid,) for uid in some]


def test_log_events_are_values() -> None:
    stream = uuid4()
    assert LogEvent(stream, 1, {}) == LogEvent(stream, 1, {})
