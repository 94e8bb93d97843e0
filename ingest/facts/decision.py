"""What a message comes to: a decision, unless it is rejected."""

from typing import NamedTuple

from schemas.feed.outcomes import Status
from schemas.rules.table.rejections import Rejection

from .events.event import Event


class Decision(NamedTuple):
    """What an accepted, repeated or ineffective message comes to.

    `status`: one of `schemas.feed.outcomes`. `applies`: its identifier is kept, so that it is
    applied once. `waits_for`: the document that this new one replaces and that has not come yet.
    `resolved`: documents that waited for this new one, which they replace. `keeps_content`: bytes
    are kept. `records`: the records whose state it rests on. `absent`: documents taken as unknown.
    `is_new`: the document was not there before. `warnings`: rules on the state of document or
    record that the message breaks without being rejected for them.
    """

    status: Status
    events: tuple[Event, ...] = ()
    applies: bool = False
    waits_for: bytes | None = None
    resolved: tuple[bytes, ...] = ()
    keeps_content: bool = False
    records: tuple[int, ...] = ()
    absent: tuple[bytes, ...] = ()
    is_new: bool = False
    warnings: tuple[Rejection, ...] = ()
