"""The infrastructure factory that the eventsourcing library asks for its recorders."""

from __future__ import annotations

from typing import Any, Final

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    Mapper,
    ProcessRecorder,
    TrackingRecorder,
    Transcoder,
)

from ingest.eventstore.sessions import Session
from ingest.eventstore.store import EventStore
from ingest.runtime.postgres.database import store_dsn
from ingest.runtime.settings import PREFIX, Settings

from .events import HistoireMapper
from .recorder import HistoireAggregateRecorder, HistoireRecorder, HistoireTrackingRecorder


class HistoireFactory(InfrastructureFactory[TrackingRecorder]):
    """Recorders of one store, opened when first asked for and closed with the factory."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._store: EventStore | None = None
        given = {name: value for name, value in self.env.items() if name.startswith(PREFIX)}
        self._settings: Final = Settings.load(given)

    @property
    def store(self) -> EventStore:
        """The store of these settings."""
        if self._store is None:
            self._store = EventStore.open(self._settings)
        return self._store

    def mapper(
        self,
        transcoder: Transcoder | None = None,
        mapper_class: type[Mapper[Any]] | None = None,
    ) -> Mapper[Any]:
        """HistoireMapper, unless another is named."""
        if mapper_class is None and not self.env.get(self.MAPPER_TOPIC):
            mapper_class = HistoireMapper
        return super().mapper(transcoder, mapper_class)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The log. Raises InfrastructureFactoryError for snapshots: it has no place for them."""
        if purpose != "events":
            raise InfrastructureFactoryError("the log keeps no snapshots: leave snapshotting off")
        return HistoireAggregateRecorder(self.store, self.env.name or "application")

    def application_recorder(self) -> ApplicationRecorder:
        """The log."""
        return self._recorder()

    def process_recorder(self) -> ProcessRecorder:
        """The log, with tracking under the name of the application."""
        return self._recorder()

    def tracking_recorder(
        self, tracking_recorder_class: type[TrackingRecorder] | None = None
    ) -> Any:
        """Tracking alone, for a view: `HistoireTrackingRecorder` or a subclass of it."""
        cls = tracking_recorder_class or HistoireTrackingRecorder
        if not issubclass(cls, HistoireTrackingRecorder):
            raise InfrastructureFactoryError(
                f"{cls.__name__} must be a subclass of HistoireTrackingRecorder"
            )
        session = Session(store_dsn(self._settings), f"{self._settings.instance}-view")
        return cls(session, self.env.name or "view")

    def close(self) -> None:
        """The store is closed."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def __del__(self) -> None:
        # Runners of the library forget factories without closing them.
        self.close()

    def _recorder(self) -> HistoireRecorder:
        return HistoireRecorder(self.store, self.env.name or "application")


__all__ = ["HistoireFactory"]
