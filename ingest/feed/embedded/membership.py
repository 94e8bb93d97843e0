"""Who reads which partition of the embedded log: session locks, shared fairly within a group.

A lock ends with its session: a killed reader's partitions become free at once. The locks only keep
readers from working twice; the compare-and-set of positions in the store is what makes reading
safe.
"""

from __future__ import annotations

import hashlib

from .log import LogTopic, Session, feed_errors

Place = tuple[int, int]
"""Topic number and partition number."""

_MINE = "select pg_try_advisory_lock(%s, pg_backend_pid())"
_HELD = (
    "select objid::bigint::int, pid = pg_backend_pid() from pg_locks"
    " where locktype = 'advisory' and granted and objsubid = 2 and classid = %s::bigint::oid"
    " and database = (select oid from pg_database where datname = current_database())"
)
_TAKE = "select n from unnest(%s::int[]) n where pg_try_advisory_lock(%s, n)"
_LEAVE = "select pg_advisory_unlock(%s, n) from unnest(%s::int[]) n"


class Membership:
    """The part of a group's partitions that this session holds."""

    def __init__(self, conn: Session, group: str) -> None:
        self._conn = conn
        self._group = group
        self._joined: set[int] = set()

    def share(self, topics: list[LogTopic]) -> tuple[set[Place], bool]:
        """The partitions held after taking free ones and giving back what is above a fair share.

        The flag says whether everybody has his share. If not, call again soon.
        """
        held: set[Place] = set()
        settled = True
        with feed_errors():
            for topic in topics:
                mine, done = self._share_of(topic)
                held.update((topic.number, number) for number in mine)
                settled = settled and done
        return held, settled

    def _share_of(self, topic: LogTopic) -> tuple[set[int], bool]:
        members = self._join(topic)
        fair = -(-topic.partitions // members)
        lock = _lock_class("partition", self._group, topic.topic_id)
        rows = self._conn.execute(_HELD, (lock,), prepare=True).fetchall()
        mine = {number for number, own in rows if own}
        if len(mine) > fair:
            extra = sorted(mine)[fair:]
            self._conn.execute(_LEAVE, (lock, extra))
            return mine - set(extra), True
        taken = {number for number, _ in rows}
        free = [number for number in range(topic.partitions) if number not in taken]
        wanted = free[: fair - len(mine)]
        if wanted:
            got = self._conn.execute(_TAKE, (wanted, lock)).fetchall()
            mine.update(number for (number,) in got)
        return mine, len(mine) >= topic.partitions // members

    def _join(self, topic: LogTopic) -> int:
        """This session counts as a member for the topic; how many there are."""
        lock = _lock_class("member", self._group, topic.topic_id)
        if topic.number not in self._joined:
            self._conn.execute(_MINE, (lock,))
            self._joined.add(topic.number)
        return max(1, len(self._conn.execute(_HELD, (lock,), prepare=True).fetchall()))


def _lock_class(kind: str, group: str, topic_id: str) -> int:
    digest = hashlib.sha256(f"histoire feed|{kind}|{group}|{topic_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
