"""Waiting for services that are away: a failure that passes halts a batch and never makes a dead
letter.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from ingest.feed import FeedUnavailable
from ingest.runtime.lifecycle import StopSignal, retrying
from ingest.runtime.logs import get_logger
from ingest.runtime.metrics import Metrics
from ingest.runtime.postgres.database import is_transient

T = TypeVar("T")


class ServiceWait(Protocol):
    """Does something that may fail for a while; gives up only when the process is to end."""

    def __call__(self, action: Callable[[], T], /) -> T: ...


def without_waiting(action: Callable[[], T]) -> T:
    """Does not wait: every failure is raised."""
    return action()


def wait_for_services(stop: StopSignal, metrics: Metrics | None = None) -> ServiceWait:
    """Waits for services that are away, with the same work, until the process is to end.

    OSError: the home of the document bytes is away or full.
    """

    def on_wait(error: Exception, delay: float) -> None:
        service = _service_of(error)
        get_logger().warning("service_away", service=service, error=error, delay_seconds=delay)
        if metrics is not None:
            metrics.service_faults.labels(service).inc()

    return retrying(passing=is_passing_failure, stop=stop, on_wait=on_wait)


def _service_of(error: Exception) -> str:
    if isinstance(error, FeedUnavailable):
        return "feed"
    return "content" if isinstance(error, OSError) else "store"


def is_passing_failure(error: BaseException) -> bool:
    """Whether waiting may help. A failure that passes is never a reason to reject a message
    (decision 0021).
    """
    return is_transient(error) or isinstance(error, (OSError, FeedUnavailable))
