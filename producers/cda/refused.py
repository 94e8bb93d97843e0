"""Why something is not sent: ingestion would reject it, or the feed does not take it."""

from __future__ import annotations

from schemas.rules.table.rejections import REJECTIONS


class Refused(Exception):
    """A file is not sent, or the feed did not take it. The sentences name no person.

    `path`: the field of the message that is wrong; None when the file as a whole is. `repair`: what
    the rule of this code asks for; empty where there is no such rule.
    """

    def __init__(self, code: str, english: str, french: str, path: str | None = None) -> None:
        super().__init__(english)
        self.code = code
        self.english = english
        self.french = french
        self.path = path
        rule = REJECTIONS.get(code)
        self.repair = "" if rule is None else rule.repair


def refused_by_rule(code: str, path: str | None = None) -> Refused:
    """The refusal in the words of the rule by which ingestion would reject the message."""
    rule = REJECTIONS[code]
    return Refused(code, rule.english, rule.french, path)
