"""Rules on messages about a document or a record that is already there (SPEC c.4, d.1, d.5)."""

from typing import TypedDict

from schemas.feed.messages import ActivateRecord, ChangeVisibility, CloseRecord
from schemas.forms.texts import TEXT_LENGTH_MAX, optional_text_is_fit
from schemas.forms.times import time_exists
from schemas.rules.document.metadata import unique_id_right
from schemas.rules.table.rejections import Rejection


class WithReason(TypedDict):
    """The field of most messages about a record."""

    reason: str | None


class AboutDocument(WithReason):
    """The fields of every message about a document that is already there."""

    uniqueId: str


def document_operation_right(datum: AboutDocument) -> Rejection | None:
    """The uniqueId is well formed, and the reason is text (SPEC c.1, d.1)."""
    if not optional_text_is_fit(datum["reason"], TEXT_LENGTH_MAX):
        return Rejection("text_malformed", "reason")
    return unique_id_right(datum["uniqueId"], "uniqueId")


def visibility_right(datum: ChangeVisibility) -> Rejection | None:
    """A change of visibility names at least one flag (SPEC c.4)."""
    if (
        datum["masquePs"] is None
        and datum["invisiblePatient"] is None
        and datum["invisibleRepresentantsLegaux"] is None
    ):
        return Rejection("visibility_empty")
    return document_operation_right(datum)


def activation_right(datum: ActivateRecord) -> Rejection | None:
    """Nothing: an activation has no field beside those of every message (SPEC d.5)."""
    return None


def record_operation_right(datum: WithReason) -> Rejection | None:
    """The reason, if there is one, is text (SPEC d.5; decision 0004)."""
    fit = optional_text_is_fit(datum["reason"], TEXT_LENGTH_MAX)
    return None if fit else Rejection("text_malformed", "reason")


def closing_right(datum: CloseRecord) -> Rejection | None:
    """The day of closing, if there is one, is a time (SPEC d.5)."""
    closed_on = datum["closedOn"]
    if closed_on is not None and not time_exists(closed_on):
        return Rejection("time_malformed", "closedOn")
    return record_operation_right(datum)
