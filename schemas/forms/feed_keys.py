"""The key of a message on the feed, which keeps the order of messages (decision 0002)."""

from collections.abc import Mapping
from typing import Any

from schemas.forms.identity import ins_key


def feed_key(datum: Mapping[str, Any]) -> str:
    """`oid|matricule` of the person concerned. On topic `registry`: the identifier of the entry."""
    ins = datum.get("ins")
    key: str = datum["id"] if ins is None else ins_key(ins["oid"], ins["matricule"])
    return key
