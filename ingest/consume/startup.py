"""Opens what ingestion runs on: store, feed, metrics; checks that the feed is the known one."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from ingest.eventstore import EventStore
from ingest.feed import FeedMismatch, TopicFacts, topic_facts
from ingest.read.site import Context
from ingest.runtime.habilitation import configured_matrix
from ingest.runtime.logs import configure_logs
from ingest.runtime.metrics import Metrics, serve
from ingest.runtime.settings import Settings
from schemas.feed.messages import FEED_TOPICS
from schemas.forms.identity import accepted_oids
from schemas.policy.may_do import Policy


def feed_facts(settings: Settings, store: EventStore) -> dict[str, TopicFacts]:
    """Facts of the topics of the feed. Raises TopicChanged for a partition count other than the
    first one ever, FeedMismatch when a topic is missing, FeedUnavailable.
    """
    facts = topic_facts(settings)
    missing = [topic for topic in FEED_TOPICS if topic not in facts]
    if missing:
        raise FeedMismatch(f"the feed has no topic {', '.join(missing)}. Run: histoire migrate")
    for topic in FEED_TOPICS:
        fact = facts[topic]
        store.sources.check_topic(f"{fact.cluster_id}/{topic}", fact.topic_id, fact.partitions)
    return facts


def context_of(settings: Settings, facts: dict[str, TopicFacts]) -> Context:
    """What reading a message depends on at this site. Raises SettingsError for a file that is no
    habilitation matrix.
    """
    return Context(
        accepted_oids(settings.environment),
        {topic: facts[topic].partitions for topic in FEED_TOPICS},
        settings.max_content_bytes,
        settings.severities,
        policy_of(settings),
        registry_required=settings.registry_required,
        rules_page=settings.rules_documentation_url,
        matrix=configured_matrix(settings),
    )


def policy_of(settings: Settings) -> Policy:
    """Who may do what to a document here (SPEC j.29)."""
    return Policy(
        organisation_replaces=settings.replace_and_delete == "author_or_organisation",
        patient_deletes=settings.patient_deletes,
        professionals_mask=settings.professionals_mask,
        secret_access=settings.secret_access,
    )


@contextmanager
def long_running(settings: Settings, process: str, port: int | None) -> Iterator[Metrics]:
    """Logs under the name of the process, and its metrics served while it runs.

    `port` None: that of the settings; 0: no endpoint.
    """
    metrics = Metrics(CollectorRegistry())
    configure_logs(
        process=process,
        instance=settings.instance,
        level=settings.log_level,
        form=settings.log_format,
        on_dropped=metrics.log_fields_dropped.inc,
    )
    wanted = settings.metrics_port if port is None else port
    endpoint = serve(metrics.registry, settings.metrics_host, wanted) if wanted else None
    try:
        yield metrics
    finally:
        if endpoint is not None:
            endpoint.close()
