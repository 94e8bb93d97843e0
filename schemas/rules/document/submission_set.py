"""Rules on the submission set of a document (SPEC c.3)."""

import re
from functools import lru_cache
from typing import Final

from schemas.feed.messages import SubmissionSet
from schemas.forms.texts import ID_LENGTH_MAX, TITLE_LENGTH_MAX, optional_text_is_fit
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import CONTENT_TYPE_CODES

_OID: Final = re.compile(r"(?:urn:oid:)?[0-2](?:\.(?:0|[1-9][0-9]*))+")


def submission_set_right(lot: SubmissionSet | None) -> Rejection | None:
    """The set, if there is one, has an OID, a sending system with an OID, and a content type of J59
    (SPEC c.3).
    """
    if lot is None:
        return None
    if not _is_oid(lot["uniqueId"]):
        return Rejection("set_identifier_malformed", "submissionSet.uniqueId")
    if not _source_is_oid(lot["sourceId"]):
        return Rejection("set_identifier_malformed", "submissionSet.sourceId")
    if lot["contentTypeCode"] not in CONTENT_TYPE_CODES:
        return Rejection("content_type_unknown", "submissionSet.contentTypeCode")
    if not optional_text_is_fit(lot["title"], TITLE_LENGTH_MAX):
        return Rejection("text_malformed", "submissionSet.title")
    return None


def _is_oid(text: str) -> bool:
    return len(text) <= ID_LENGTH_MAX and _OID.fullmatch(text) is not None


def _source_is_oid(text: str) -> bool:
    """True for an OID. The same few systems send: those of bounded length are remembered."""
    return len(text) <= ID_LENGTH_MAX and _is_remembered_oid(text)


@lru_cache(maxsize=8192)
def _is_remembered_oid(text: str) -> bool:
    return _OID.fullmatch(text) is not None
