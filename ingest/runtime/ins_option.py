"""The option `--ins` of commands: a person by his INS, which never stands where others see it."""

from __future__ import annotations

import sys

from schemas.forms.identity import INS_NIR_DEMO, INS_NIR_TEST, InsError, parse_ins

from .console import CommandError, Exit


def read_ins(given: str) -> tuple[str, str]:
    """OID and matricule from the option or, for `-`, the first line of standard input.

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
    return oid, matricule
