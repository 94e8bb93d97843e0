"""Why an HL7 v2 message is not taken: a rule of the table, where, and its HL7 error codes."""

from __future__ import annotations

from typing import Final

from schemas.rules.table.rejections import REJECTIONS, RejectionRule

APPLICATION_ERROR: Final = 207
"""HL7 table 0357: the detail is in ERR-5 (table 0533)."""
SENTENCES_0357: Final = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    198: "Non-conformant cardinality",
    199: "Other HL7 error",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    207: "Application error",
}
SENTENCES_0533: Final = {
    900: "Wrong document version",
    901: "Author not entitled",
    902: "Patient unknown",
    903: "INS missing",
    904: "INS does not match",
    905: "INS incomplete",
    906: "Other",
}


class Hl7Error(Exception):
    """A message is not taken.

    `code`: row of the table of rules. `location`: of ERR-2, SEG^n^field. `error_code`: table 0357.
    """

    def __init__(self, code: str, location: str = "", error_code: int = APPLICATION_ERROR) -> None:
        super().__init__(code)
        self.code = code
        self.location = location
        self.error_code = error_code

    @property
    def rule(self) -> RejectionRule:
        """The row that explains the code."""
        return REJECTIONS[self.code]
