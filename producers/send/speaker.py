"""Who speaks in what `histoire send` sends: checked before anything is queued."""

from __future__ import annotations

import re
from typing import Final

from ingest.runtime.settings import PREFIX, ROOT_EXTENSION, Settings
from schemas.forms.identity import INS_NIA, INS_NIR
from schemas.forms.texts import ID_LENGTH_MAX, software_id_is_fit

_TEXTS: Final = (
    "sender_software_name",
    "sender_software_version",
    "sender_actor_name",
    "sender_actor_role",
    "sender_purpose",
)


def fault_of_speaker(settings: Settings, actor: str | None, organisation: str | None) -> str | None:
    """The option or setting for which ingestion would reject every message, in a sentence.

    The rules are those of `provenance` (SPEC b.1, b.2); nor may an option name a real person by his
    INS, since others see the arguments of a process. The value is not repeated.
    """
    for option, value in (("--actor", actor), ("--organisation", organisation)):
        if value is not None and not _identifier_is_fit(value):
            return f"{option} is no identifier of the form root^extension, root an OID"
        if value is not None and value.partition("^")[0] in (INS_NIR, INS_NIA):
            return f"{option} is an INS of a real person, which must not stand on a command line"
    for name in ("sender_actor_id", "sender_organisation_id"):
        value = getattr(settings, name)
        if value is not None and not _identifier_is_fit(value):
            return f"{_variable(name)} is no identifier of the form root^extension, root an OID"
    software = settings.sender_software_id
    if not software_id_is_fit(software):
        return f"{_variable('sender_software_id')} is no short plain text, or is like a matricule"
    for name in _TEXTS:
        text: str = getattr(settings, name)
        if not text.strip() or not text.isprintable() or len(text) > ID_LENGTH_MAX:
            return f"{_variable(name)} is empty, too long or has characters that are no text"
    return None


def _identifier_is_fit(text: str) -> bool:
    """Stricter than ingestion: who speaks is a person or an organisation, with an extension."""
    return len(text) <= ID_LENGTH_MAX and re.fullmatch(ROOT_EXTENSION, text) is not None


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"
