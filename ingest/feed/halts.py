"""The halts of reading: what a person is told, and the command to go on with."""

from __future__ import annotations

from typing import Final

from .types import Partition


def go_on(partition: Partition, offset: int | None = None) -> str:
    """The command that lets reading go on; without an offset at the begin or end of the log."""
    to = "" if offset is None else f" --to {offset}"
    return (
        f"histoire positions accept {partition.topic}/{partition.number}{to} --reason '...' --yes"
    )


def before_the_log(partition: Partition, offset: int, log_start: int) -> str:
    """Retention deleted messages before they were read."""
    return (
        f"{_name(partition)}: the next offset to read is {offset}, but retention removed everything"
        f" below {log_start}. Let the producers send those records again, then:"
        f" {go_on(partition, log_start)}"
    )


def after_the_log(partition: Partition, offset: int, log_end: int) -> str:
    """The log was cut, restored from a backup, or made anew."""
    return (
        f"{_name(partition)}: the next offset to read is {offset}, but the log ends at {log_end}:"
        " it was cut, restored from a backup, or its topic made anew. Restore the feed, or let the"
        f" producers send again what was lost, then: {go_on(partition, log_end)}"
    )


def outside_the_log(partition: Partition, offset: int) -> str:
    """The broker refused the offset, and does not say on which side."""
    return (
        f"{_name(partition)}: offset {offset} is outside the log: retention removed it, or the log"
        f" was cut. Let the producers send those records again, then: {go_on(partition)}"
    )


def truncated(partition: Partition) -> str:
    """The log was cut below what was read already (unclean election, topic made anew)."""
    return (
        f"{_name(partition)}: the log was cut below what we have read. Let the"
        f" producers send again what was lost, then: {go_on(partition)}"
    )


def unreadable(partition: Partition, after: int) -> str:
    """A batch whose checksum is wrong, or with a record that is against the protocol."""
    return (
        f"{_name(partition)}: a batch on the feed cannot be read: its checksum is wrong, or a"
        " record in it is malformed (for example a header whose name is not UTF-8). For a wrong"
        " checksum move the leader to a good replica; else let the producer send what came with it"
        f" again in another batch. The batch ends before offset {after}; to go on there:"
        f" {go_on(partition, after)}"
    )


UNREADABLE_SOMEWHERE: Final = (
    "a batch on the feed cannot be read (wrong checksum or malformed record), and the Kafka client"
    " does not say where: look at the end of each partition that histoire positions show names"
)


def _name(partition: Partition) -> str:
    return f"{partition.topic}/{partition.number}"
