"""The table of rights: which software may do what at the broker.

The table is TOML, one line per producing software, whose id is its user at the broker:

    [software]
    "labo-nord" = ["laboratory"]
    "si-du-ght" = ["hospital", "identity"]

The processes of this system always have their rights.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ingest.runtime.settings import Settings
from schemas.feed.messages import (
    DOCUMENTS,
    FEED_TOPICS,
    NOTIFICATIONS,
    OUTCOMES,
    PATIENTS,
    REGISTRY,
)

TOPIC: Final = "topic"
GROUP: Final = "group"
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "laboratory",
                "hospital",
                "practice",
                "imaging",
                "pharmacy",
                "medico-social",
                "teleconsultation",
                "insurance",
            ),
            DOCUMENTS,
        ),
        "identity": PATIENTS,
        "registry": REGISTRY,
    }
)
"""Kind of software to the one topic it may write. `identity`: records, identities, oppositions.
`registry`: references of software and services, certificates of companies.
"""
PROCESSES: Final = ("histoire-ingest", "histoire-relay", "histoire-project", "histoire-audit")
_USER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED: Final = frozenset(("admin", "ANONYMOUS", *PROCESSES))


class RightsTableError(ValueError):
    """The table does not say who may do what; the sentence says where."""


class Right(NamedTuple):
    """One thing a user may do: `operation` (Read, Write...) on a `resource` of this full name."""

    user: str
    operation: str
    resource: str
    name: str


@dataclass(frozen=True, slots=True)
class ListedSoftware:
    """One line of the table. Software without kinds may do nothing any more."""

    user: str
    kinds: tuple[str, ...]


def read_table(data: bytes) -> list[ListedSoftware]:
    """The software of a table. Raises RightsTableError."""
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RightsTableError(f"it is no TOML: {error}") from None
    unknown = sorted(set(table) - {"software"})
    if unknown:
        raise RightsTableError(f"there is no table [{unknown[0]}], only [software]")
    lines = table.get("software", {})
    if not isinstance(lines, dict):
        raise RightsTableError("[software] must be a table: id = [kinds]")
    return [_software(user, kinds) for user, kinds in lines.items()]


def rights_of(software: Sequence[ListedSoftware], settings: Settings) -> list[Right]:
    """Every right of the processes and of this software, in the order of the table."""
    return [*_of_processes(settings), *(r for one in software for r in _of_software(one, settings))]


def users_of(software: Sequence[ListedSoftware]) -> list[str]:
    """Every user of the table, processes first."""
    return [*PROCESSES, *(one.user for one in software)]


def _software(user: str, kinds: Any) -> ListedSoftware:
    if not _USER.fullmatch(user) or user in _RESERVED:
        raise RightsTableError(
            f"{user!r} can't be the id of a software here: letters, digits, '.', '_' and '-', and"
            " no name of ours"
        )
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise RightsTableError(f"{user}: its kinds must be a list of words")
    for kind in kinds:
        if kind not in KINDS:
            raise RightsTableError(f"{user}: there is no kind {kind!r}, only {', '.join(KINDS)}")
    return ListedSoftware(user, tuple(dict.fromkeys(kinds)))


def _of_software(software: ListedSoftware, settings: Settings) -> Iterator[Right]:
    # Write is enough to produce idempotently, and includes being told of the topic (decision 0037).
    user, prefix = software.user, settings.topic_prefix
    for topic in dict.fromkeys(KINDS[kind] for kind in software.kinds):
        yield Right(user, "Write", TOPIC, prefix + topic)
    if software.kinds:
        yield Right(user, "Read", TOPIC, prefix + OUTCOMES)
        yield Right(user, "Read", GROUP, user)


def _of_processes(settings: Settings) -> Iterator[Right]:
    ingest, relay, project, audit = PROCESSES
    prefix = settings.topic_prefix
    for topic in FEED_TOPICS:
        yield Right(ingest, "Read", TOPIC, prefix + topic)
    yield Right(ingest, "Read", GROUP, settings.consumer_group)
    yield Right(relay, "Write", TOPIC, prefix + OUTCOMES)
    yield Right(project, "Write", TOPIC, prefix + NOTIFICATIONS)
    # `audit`, `status` and the start of ingestion ask for offsets and topic ids, never for records.
    for topic in (OUTCOMES, NOTIFICATIONS):
        yield Right(ingest, "Describe", TOPIC, prefix + topic)
    for topic in (*FEED_TOPICS, OUTCOMES, NOTIFICATIONS):
        yield Right(audit, "Describe", TOPIC, prefix + topic)
