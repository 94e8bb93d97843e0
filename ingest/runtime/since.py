"""What the option `--since` of listing commands says."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from .console import CommandError, Exit

_PARIS: Final = ZoneInfo("Europe/Paris")


def since_given(text: str | None) -> datetime | None:
    """The moment (aware) that `--since` names; None when it was not given. Raises CommandError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            "--since is no moment", "Give YYYY-MM-DD or YYYY-MM-DDTHH:MM.", Exit.USAGE
        ) from None
    return moment.replace(tzinfo=_PARIS) if moment.tzinfo is None else moment
