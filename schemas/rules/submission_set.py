"""Rules on the submission set a document came in (SPEC c.3)."""

from ..messages import SubmissionSet
from ..rejections import Rejection
from ..text_forms import (
    ID_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    identifier_is_fit,
    optional_text_is_fit,
    text_is_fit,
)


def submission_set_right(lot: SubmissionSet | None) -> Rejection | None:
    """The set, where there is one, and its source are named by OIDs (SPEC c.3)."""
    if lot is None:
        return None
    if not identifier_is_fit(lot["uniqueId"]):
        return Rejection("identifier_malformed", "submissionSet.uniqueId")
    if not identifier_is_fit(lot["sourceId"]):
        return Rejection("identifier_malformed", "submissionSet.sourceId")
    if not text_is_fit(lot["contentTypeCode"], ID_LENGTH_MAX):
        return Rejection("text_malformed", "submissionSet.contentTypeCode")
    if not optional_text_is_fit(lot["title"], TITLE_LENGTH_MAX):
        return Rejection("text_malformed", "submissionSet.title")
    return None
