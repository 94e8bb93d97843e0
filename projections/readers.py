"""Who reads and whose timeline, as given on a command line."""

from __future__ import annotations

import sys
from typing import Final

from ingest.runtime.console import CommandError, Exit
from schemas.identity import INS_NIR_DEMO, INS_NIR_TEST, InsError, ins_key, parse_ins
from schemas.may_see import WITHOUT_END, Reader, ReaderKind

_AUTHOR: Final = "author:"
_READERS: Final = {
    "patient": Reader(ReaderKind.PATIENT),
    "representative": Reader(ReaderKind.REPRESENTATIVE),
    "professional": Reader(ReaderKind.PROFESSIONAL, authorised_until=WITHOUT_END),
}


def reader_named(name: str) -> Reader:
    """The reader of `--reader`. Raises CommandError for another word."""
    if name.startswith(_AUTHOR) and len(name) > len(_AUTHOR):
        ids = frozenset({name.removeprefix(_AUTHOR)})
        return Reader(ReaderKind.PROFESSIONAL, ids, authorised_until=WITHOUT_END)
    reader = _READERS.get(name)
    if reader is None:
        raise CommandError(
            "unknown reader",
            "Give patient, representative, professional or author:ROOT^EXTENSION.",
            Exit.USAGE,
        )
    return reader


def read_ins(given: str) -> str:
    """`oid|matricule` from the option or, for `-`, the first line of stdin.

    Arguments of a process are seen by others: those name test and demo identities only. Raises
    CommandError, which never repeats the value.
    """
    text = sys.stdin.readline().strip() if given == "-" else given
    try:
        oid, matricule = parse_ins(text)
    except InsError as error:
        raise CommandError(str(error), "Give OID|MATRICULE.", Exit.USAGE) from None
    if given != "-" and oid not in (INS_NIR_TEST, INS_NIR_DEMO):
        raise CommandError(
            "an INS of a real person must not stand on a command line",
            "Give --ins - and write it to standard input.",
            Exit.USAGE,
        )
    return ins_key(oid, matricule)
