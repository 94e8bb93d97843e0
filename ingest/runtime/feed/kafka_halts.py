"""The halts of reading: what a person is told, and how to go on."""

from __future__ import annotations

from .types import Assignment, FeedMismatch, Partition


def out_of_range(
    partition: Partition, offset: int, assignment: Assignment | None = None
) -> FeedMismatch:
    """A position outside the log: retention was faster than we, or the log was cut."""
    where = f"partition {partition.topic}/{partition.number}"
    if assignment is not None and offset < assignment.log_start:
        return FeedMismatch(
            f"{where}: the next offset to read is {offset}, but retention removed everything "
            f"below {assignment.log_start}; let the producers send those records again, then set "
            f"the stored position to {assignment.log_start}"
        )
    if assignment is not None:
        return FeedMismatch(
            f"{where}: the next offset to read is {offset}, but the log ends at "
            f"{assignment.log_end}: it was cut or its topic recreated; restore it, or let the "
            "producers send again and set the stored position"
        )
    return FeedMismatch(
        f"{where}: offset {offset} is outside the log: retention removed it or the log was cut; "
        "let the producers send those records again, then set the stored position inside the log"
    )


def truncated(partition: Partition) -> FeedMismatch:
    """The log was cut below what was read already (unclean election, recreated topic)."""
    return FeedMismatch(
        f"partition {partition.topic}/{partition.number}: the log was cut below what we have read; "
        "let the producers send again what was lost, then set the stored position to its end"
    )


def corrupt() -> FeedMismatch:
    """A batch whose checksum is wrong."""
    return FeedMismatch(
        "a batch on the feed is corrupt (wrong checksum): check the disk of its leader, move the "
        "leader to a good replica, or let the producers send again and set the position after it"
    )
