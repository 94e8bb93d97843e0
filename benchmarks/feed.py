"""The feed that A reads: simulated messages, published once, read by every variant."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from ingest.feed import ensure_topics
from ingest.runtime.settings import Settings
from schemas.feed.messages import FEED_TOPICS

from .place import Place, name_of
from .processes import worker_says

SEEDS: Final = (1, 2)
"""One process each: making a message takes longer than publishing it."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Messages on the feed. `template`: the database every run begins with a copy of."""

    prefix: str
    messages: int
    bytes: int
    largest: int
    template: str

    @property
    def topics(self) -> list[str]:
        """Full names of its topics."""
        return [self.prefix + topic for topic in FEED_TOPICS]

    @property
    def mean_bytes(self) -> int:
        """Mean size of a message."""
        return round(self.bytes / self.messages)


def fill(place: Place, name: str, messages: int, *, content: bool) -> Feed:
    """So many messages are on topics of their own: on Kafka, or else in a database to copy."""
    dsn = place.migrated_database()
    settings = feed_settings(place, f"{name}.", dsn)
    ensure_topics(settings)
    share = messages // len(SEEDS)
    told = [{"seed": seed, "messages": share, "content": content} for seed in SEEDS]
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        said = list(pool.map(lambda task: worker_says(place, "fill", settings, task), told))
    return Feed(
        f"{name}.",
        sum(one["count"] for one in said),
        sum(one["bytes"] for one in said),
        max(one["largest"] for one in said),
        name_of(dsn),
    )


def feed_settings(place: Place, prefix: str, dsn: str) -> Settings:
    """Settings for one store on this feed."""
    return place.settings(
        database_dsn=SecretStr(dsn),
        topic_prefix=prefix,
        consumer_group=f"bench-{name_of(dsn)}",
        content_dir=str(place.home / f"content-{name_of(dsn)}"),
        metrics_port=0,
        log_level="warning",
    )
