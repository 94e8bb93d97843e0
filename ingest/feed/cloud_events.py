"""What headers of all topics share: the time of CloudEvents, the trace context of the W3C."""

from __future__ import annotations

import re
from functools import lru_cache
from time import gmtime, strftime
from typing import Final

from schemas.forms.identity import MATRICULE_LIKE, key_is_valid

from .types import Headers

TRACEPARENT: Final = "traceparent"
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_LENGTH: Final = 55
_FIFTEEN: Final = re.compile(r"(?=([0-9]{6}[0-9ab][0-9]{8}))")


@lru_cache(maxsize=64)
def time_header(moment_ms: int) -> tuple[str, bytes]:
    """`ce_time` of a moment in milliseconds since 1970: RFC 3339, UTC."""
    seconds, milliseconds = divmod(moment_ms, 1000)
    at = strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))
    return "ce_time", f"{at}.{milliseconds:03d}Z".encode()


def is_traceparent(text: str) -> bool:
    """Whether this is version-traceid-parentid-flags (W3C Trace Context, 3.2)."""
    return _TRACEPARENT.fullmatch(text) is not None


def traceparent_of(headers: Headers) -> str | None:
    """The trace context of a record, to be passed on; None when the record has none that is well
    formed.

    A trace context that could hold a matricule is not passed on either: no INS leaves (decision
    0038).
    """
    for name, value in headers:
        if name == TRACEPARENT and value is not None and len(value) == _LENGTH:
            text = value.decode("ascii", "replace")
            if is_traceparent(text) and not _may_name_somebody(text):
                return text
    return None


def _may_name_somebody(text: str) -> bool:
    if MATRICULE_LIKE.search(text) is not None:
        return True
    runs = (run.upper() for run in _FIFTEEN.findall(text))
    return any(map(key_is_valid, runs))
