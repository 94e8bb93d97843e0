"""The reason that a person gives for a decision. Others read it: it names nobody."""

from ingest.runtime.console import CommandError, Exit
from schemas.forms.identity import MATRICULE_LIKE


def given_reason(text: str) -> str:
    """The reason without the space around it.

    Raises CommandError, which does not repeat the reason, when it is empty or could hold a
    matricule.
    """
    reason = text.strip()
    if not reason:
        raise CommandError("the reason is empty", None, Exit.USAGE)
    if MATRICULE_LIKE.search(reason):
        raise CommandError(
            "the reason has a number in it that could be a matricule INS",
            "Say it without naming a person.",
            Exit.USAGE,
        )
    return reason
