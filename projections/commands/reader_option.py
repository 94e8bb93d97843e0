"""The option `--reader WORD[:ROOT^EXTENSION[@ORGANISATION]][/ROLE]`: who reads.

A named professional has the rights that the person gave him. `professional` without a name, and
`author:`, stand for somebody whom the person authorised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from ingest.runtime.console import CommandError, Exit
from ingest.runtime.habilitation import configured_matrix
from ingest.runtime.settings import Settings, variable
from projections.access.person import PersonAccess
from projections.timeline.query import ReaderOf
from schemas.forms.identity import INS_NIA, INS_NIR
from schemas.forms.texts import identifier_is_fit
from schemas.policy.habilitation import Matrix, readable_types
from schemas.policy.may_see import PARIS, WITHOUT_END, Reader, ReaderKind
from schemas.valuesets import SUBJECT_ROLES

_KINDS: Final = {
    "patient": ReaderKind.PATIENT,
    "representative": ReaderKind.REPRESENTATIVE,
    "professional": ReaderKind.PROFESSIONAL,
    "author": ReaderKind.PROFESSIONAL,
    "secret": ReaderKind.SECRET,
    "break-glass": ReaderKind.BREAK_GLASS,
    "regulation": ReaderKind.REGULATION,
}
_FORM: Final = (
    "Give patient, representative, professional, regulation, or"
    " professional|author|secret|break-glass|regulation:ROOT^EXTENSION[@ORGANISATION][/ROLE]."
)
_NAMED: Final = frozenset({"author", "secret", "break-glass"})
_UNNAMED: Final = frozenset({"patient", "representative"})


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """The settings about readers, on the day of reading.

    `matrix`: the habilitation matrix, None when none is configured. `attending_sees_masked`: as in
    `Reader`. `secret_access`: secret connections are enabled.
    """

    today: date
    matrix: Matrix | None = None
    attending_sees_masked: bool = False
    secret_access: bool = False


@dataclass(frozen=True, slots=True)
class NamedReader:
    """A reader named on a command line.

    `assumed`: the person is taken to have authorised him. `identifier`, `organisation`:
    `root^extension`. `role`: code of J65.
    """

    kind: ReaderKind
    assumed: bool
    identifier: str | None = None
    organisation: str | None = None
    role: str | None = None

    def reader(self, access: PersonAccess, rules: ReadingRules) -> Reader:
        """The reader with the rights that a person with these permissions gives him.

        Blocks and authorisations of him and of his organisation count (SPEC h.2).
        """
        if self.kind in (ReaderKind.PATIENT, ReaderKind.REPRESENTATIVE):
            return Reader(self.kind)
        ids = frozenset(name for name in (self.identifier, self.organisation) if name)
        return Reader(
            self.kind,
            ids=ids,
            authorised_until=WITHOUT_END if self.assumed else access.authorised_until(ids),
            blocked=access.blocks(ids),
            attending=access.attends(self.identifier),
            attending_sees_masked=rules.attending_sees_masked,
            readable_types=readable_types(rules.matrix, self.role, rules.today),
            motive=access.motives.get(self.identifier or "", ""),
        )


def named_reader(text: str) -> NamedReader:
    """The reader that `text` names. Raises CommandError, which never repeats the text."""
    word, colon, rest = text.partition(":")
    if not colon:
        word, role = _role_apart(word)
        if word not in _KINDS or word in _NAMED or (role and word in _UNNAMED):
            raise _unknown_reader()
        return NamedReader(_KINDS[word], word == "professional", role=role)
    if word not in _KINDS or word in _UNNAMED:
        raise _unknown_reader()
    who, role = _role_apart(rest)
    identifier, at, organisation = who.rpartition("@") if "@" in who else (who, "", "")
    for given in (identifier, organisation) if at else (identifier,):
        _check_identifier(given)
    return NamedReader(_KINDS[word], word == "author", identifier, organisation or None, role)


def reading_rules(settings: Settings, now: datetime) -> ReadingRules:
    """The settings about readers at this moment. Raises SettingsError."""
    return ReadingRules(
        now.astimezone(PARIS).date(),
        configured_matrix(settings),
        settings.attending_physician_sees_masked,
        settings.secret_access,
    )


def reader_named(text: str, rules: ReadingRules) -> Reader | ReaderOf:
    """The reader that `text` names, under these rules. Raises CommandError.

    For a professional, whose rights depend on the person: a function of the person's permissions.
    """
    named = named_reader(text)
    if named.kind in (ReaderKind.PATIENT, ReaderKind.REPRESENTATIVE):
        return Reader(named.kind)
    if named.kind is ReaderKind.SECRET and not rules.secret_access:
        raise CommandError(
            "secret connections are not enabled here",
            f"Set {variable('secret_access')}=true.",
            Exit.USAGE,
        )
    return lambda access: named.reader(access, rules)


def _role_apart(text: str) -> tuple[str, str | None]:
    """The text without its role, and the role.

    The role stands after the last slash if it is a profession of J65. Identifiers contain slashes
    too: a slash at the end tells that there is no role.
    """
    before, slash, last = text.rpartition("/")
    if not slash or (last and last not in SUBJECT_ROLES):
        return text, None
    return before, last or None


def _check_identifier(text: str) -> None:
    root = text.partition("^")[0]
    if root in (INS_NIR, INS_NIA):
        raise CommandError(
            "an INS of a real person must not stand on a command line", _FORM, Exit.USAGE
        )
    if not identifier_is_fit(text):
        raise CommandError("an identifier of the reader is malformed", _FORM, Exit.USAGE)


def _unknown_reader() -> CommandError:
    return CommandError("unknown reader", _FORM, Exit.USAGE)
