"""A real Kafka without containers: Apache Kafka (KRaft) on the JVM, from Maven artefacts.

It imports runtime, and the feed in `rights`.
"""

from .cluster import BrokerHandle, start_broker, stop_broker
from .errors import BrokerError, MissingProgramError
from .layout import BrokerLimits
from .status import BrokerStatus, NodeStatus, broker_status

__all__ = [
    "BrokerError",
    "BrokerHandle",
    "BrokerLimits",
    "BrokerStatus",
    "MissingProgramError",
    "NodeStatus",
    "broker_status",
    "start_broker",
    "stop_broker",
]
