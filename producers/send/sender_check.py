"""Whether ingestion would take messages of this sender: checked before anything is queued."""

from __future__ import annotations

import re
from typing import Final

from ingest.runtime.settings import ROOT_EXTENSION, Settings, variable
from schemas.forms.identity import INS_NIA, INS_NIR
from schemas.forms.texts import ID_LENGTH_MAX, software_id_is_fit

_IDENTIFIERS: Final = ("sender_actor_id", "sender_organisation_id")
_TEXTS: Final = (
    "sender_software_name",
    "sender_software_version",
    "sender_actor_name",
    "sender_actor_role",
    "sender_purpose",
)


def sender_problem(settings: Settings, actor: str | None, organisation: str | None) -> str | None:
    """The option or setting for which ingestion would reject every message, in one sentence.

    None when there is none. The rules are those of `provenance` (SPEC b.1, b.2). An option must not
    name a real person by his INS either: others see the arguments of a process. The sentence does
    not repeat the value.
    """
    return _problem_of_options(actor, organisation) or _problem_of_settings(settings)


def _problem_of_options(actor: str | None, organisation: str | None) -> str | None:
    for option, value in (("--actor", actor), ("--organisation", organisation)):
        if value is not None and not _identifier_is_fit(value):
            return f"{option} is no identifier of the form root^extension, root an OID"
        if value is not None and value.partition("^")[0] in (INS_NIR, INS_NIA):
            return f"{option} is an INS of a real person, which must not stand on a command line"
    return None


def _problem_of_settings(settings: Settings) -> str | None:
    for name in _IDENTIFIERS:
        value = getattr(settings, name)
        if value is not None and not _identifier_is_fit(value):
            return f"{variable(name)} is no identifier of the form root^extension, root an OID"
    if not software_id_is_fit(settings.sender_software_id):
        return f"{variable('sender_software_id')} is no short plain text, or is like a matricule"
    for name in _TEXTS:
        text: str = getattr(settings, name)
        if not text.strip() or not text.isprintable() or len(text) > ID_LENGTH_MAX:
            return f"{variable(name)} is empty, too long or has characters that are no text"
    return None


def _identifier_is_fit(text: str) -> bool:
    """Stricter than ingestion: a sender is a person or an organisation, with an extension."""
    return len(text) <= ID_LENGTH_MAX and re.fullmatch(ROOT_EXTENSION, text) is not None
