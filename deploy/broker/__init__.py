"""A real Kafka without containers: Apache Kafka (KRaft) on the JVM, from Maven artefacts.

It imports runtime and the feed.
"""

from .cluster import (
    BrokerHandle,
    BrokerStatus,
    NodeStatus,
    broker_status,
    start_broker,
    stop_broker,
)
from .errors import BrokerError, MissingProgramError
from .layout import Limits

__all__ = [
    "BrokerError",
    "BrokerHandle",
    "BrokerStatus",
    "Limits",
    "MissingProgramError",
    "NodeStatus",
    "broker_status",
    "start_broker",
    "stop_broker",
]
