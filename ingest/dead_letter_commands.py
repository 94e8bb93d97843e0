"""`histoire dead-letters`: what was refused, why, and what to do. Never shows a person or bytes."""

import getpass
from collections import Counter
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from ingest.eventstore import EventStore
from ingest.eventstore.letters import Letter
from ingest.runtime.console import CommandError, Exit, out, print_json, progress
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from schemas.registry import registry
from schemas.rejections import REJECTIONS

from .dead_letters import Retry, waiting
from .faults import told_to_people
from .outcomes import answer_of
from .startup import context_of, feed_facts

Code = Annotated[str | None, typer.Option("--code", help="Only letters refused with this code.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="Number of the dead letter.")]


def register_dead_letters(app: typer.Typer) -> None:
    """Add `dead-letters list|show|retry|discard` to `app`."""
    group = typer.Typer(no_args_is_help=True, help="What was refused: list, show, retry, discard.")
    app.add_typer(group, name="dead-letters")

    @group.command("list")
    def list_letters(
        code: Code = None,
        everything: Annotated[
            bool, typer.Option("--all", help="Also those resolved or discarded.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """List the dead letters that wait, in the order of receipt."""
        _check_code(code)
        with told_to_people(), EventStore.open(Settings.load()) as store:
            letters = waiting(store, code=code, status=None if everything else "waiting")
            if as_json:
                for letter in letters:
                    print_json(described(letter))
            else:
                out().print(_table(list(letters)))

    @group.command()
    def show(letter: Number, as_json: Json = False) -> None:
        """Say why one message was refused and how to repair it."""
        with told_to_people(), EventStore.open(Settings.load()) as store:
            found = store.letter(letter)
        facts = described(found.letter) | {"bytes": None if found.raw is None else len(found.raw)}
        if as_json:
            print_json(facts)
            return
        table = Table(show_header=False, box=None)
        for name, value in facts.items():
            table.add_row(name, "" if value is None else str(value))
        out().print(table)

    @group.command()
    def retry(
        letters: Annotated[
            list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of dead letters.")
        ] = None,
        code: Code = None,
    ) -> None:
        """Decide dead letters again, in the order of receipt: these, or all of one code.

        Exit code 0 when none of them is refused again, else 1.
        """
        _check_code(code)
        if not letters and code is None:
            raise CommandError("say which letters", "Give numbers, or --code CODE.", Exit.USAGE)
        with told_to_people(), EventStore.open(Settings.load()) as store:
            counts = _retry(store, letters, code)
        said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        out().print(said or "no letter waits")
        if counts["rejected"]:
            raise typer.Exit(Exit.FAILED)

    @group.command()
    def discard(
        letter: Number,
        reason: Annotated[str, typer.Option(help="Why it will never be decided again.")],
    ) -> None:
        """Set a dead letter aside for good, with a reason; its bytes stay until erasure."""
        if not reason.strip():
            raise CommandError("the reason is empty", None, Exit.USAGE)
        with told_to_people(), EventStore.open(Settings.load()) as store:
            store.discard(letter, reason.strip(), getpass.getuser())
        out().print(f"dead letter {letter} discarded")


def _check_code(code: str | None) -> None:
    if code is not None and code not in REJECTIONS:
        raise CommandError(
            f"{code} is no rejection code", f"One of: {', '.join(sorted(REJECTIONS))}", Exit.USAGE
        )


def _retry(store: EventStore, letters: list[int] | None, code: str | None) -> Counter[str]:
    settings = Settings.load()
    chosen = sorted(set(letters)) if letters else None
    if chosen is None:
        chosen = [letter.letter for letter in waiting(store, code=code)]
    elif code is not None:
        of_code = {letter.letter for letter in waiting(store, code=code)}
        chosen = [letter for letter in chosen if letter in of_code]
    again = Retry(store, context_of(settings, feed_facts(settings, store)), SystemClock())
    counts = Counter[str]()
    with progress("retry", len(chosen)) as bar:
        for done in again(chosen):
            counts.update(answer_of(arrival).status for arrival in done)
            bar.advance(len(done))
    return counts


def described(letter: Letter) -> dict[str, Any]:
    """What may be shown of a letter: where it came from, why it was refused, what to do."""
    rule = REJECTIONS[letter.code]
    schema = registry().by_fingerprint.get(letter.fingerprint or b"")
    return {
        "letter": letter.letter,
        "source": letter.source,
        "offset": letter.offset,
        "status": letter.status,
        "attempt": letter.attempt,
        "code": letter.code,
        "rule": rule.rule_id,
        "hl7": rule.hl7,
        "path": letter.path,
        "french": rule.french,
        "english": rule.english,
        "repair": rule.repair,
        "retryable": rule.retryable,
        "software": letter.software_id,
        "message_id": None if letter.message_id is None else str(UUID(bytes=letter.message_id)),
        "schema": None if schema is None else f"{schema.name}.{schema.version}",
        "fingerprint": None if letter.fingerprint is None else letter.fingerprint.hex(),
        "received_at": letter.received_at.isoformat(),
        "decided_at": None if letter.decided_at is None else letter.decided_at.isoformat(),
        "discard_reason": letter.discard_reason,
    }


def _table(letters: list[Letter]) -> Table:
    table = Table("letter", "source", "offset", "status", "attempt", "code", "path", "sentence")
    for letter in letters:
        table.add_row(
            str(letter.letter),
            "/".join(letter.source.rsplit("/", 2)[1:]),
            str(letter.offset),
            letter.status,
            str(letter.attempt),
            letter.code,
            letter.path or "",
            REJECTIONS[letter.code].english,
        )
    table.caption = f"{len(letters)} dead letter(s)"
    return table
