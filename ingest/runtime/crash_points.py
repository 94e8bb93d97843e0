"""Names for the moments between two lasting steps: a test can end the process exactly there.

Every step of a message has one: what lies before a point is durable, what comes after the point is
not. The tests replace `crash_point` from outside and end the process with kill -9 (tests/system).
Here the function does nothing, and no setting makes it do anything. It is called a few times in a
batch at most, never in a loop over messages.
"""

from typing import Final, Literal, get_args

CrashPoint = Literal[
    "documents_acknowledged",
    "batch_polled",
    "keys_committed",
    "identities_committed",
    "batch_decided",
    "contents_written",
    "lock_wanted",
    "events_copied",
    "batch_written",
    "batch_committed",
    "courtesy_due",
    "outcomes_published",
    "rows_due",
    "rows_written",
    "checkpoint_committed",
    "notifications_published",
    "replay_compared",
    "replay_switching",
    "replay_switched",
]
"""In the order of the way:

- `documents_acknowledged`: by the feed, and not yet so marked in the sender's queue;
- `batch_polled`: read from the feed, nothing decided;
- `keys_committed`: new records have their keys, and no identity yet;
- `identities_committed`: they have both, and nothing of the batch is there;
- `batch_decided`: nothing is written;
- `contents_written`: the bytes of documents are durable, and no event refers to them yet;
- `lock_wanted`: in the transaction, before the lock of the writers;
- `events_copied`: inside the COPY, its end not sent;
- `batch_written`: all of the transaction but its COMMIT;
- `batch_committed`: committed, and this process has drawn no conclusion from it;
- `courtesy_due`: before the broker is told of the position;
- `outcomes_published`: on their topic, and not yet marked so;
- `rows_due`: the checkpoint of a projection is moved in its transaction, its rows are not there;
- `rows_written`: both, before the COMMIT;
- `checkpoint_committed`: committed, and this process does not go by it yet;
- `notifications_published`: on their topic, and not yet marked so;
- `replay_compared`: the new build is whole and compared, the old one serves;
- `replay_switching`: switched in the transaction, before its COMMIT;
- `replay_switched`: the new build serves, what is not needed any more is still there.
"""

CRASH_POINTS: Final[tuple[CrashPoint, ...]] = get_args(CrashPoint)


def crash_point(point: CrashPoint) -> None:
    """The process has come to this point. Nothing happens."""
