"""`histoire dead-letters`: what was rejected, why, what to do. Never shows a person or bytes."""

import getpass
from collections import Counter, deque
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from ingest.batch.retry import Retry, waiting
from ingest.consume.startup import context_of, feed_facts
from ingest.eventstore import EventStore
from ingest.eventstore.log.dead_letters import DeadLetter
from ingest.read.service_wait import wait_for_services
from ingest.runtime.console import CommandError, Exit, err, out, print_json, progress
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.options import Json, JsonLines, Limit, Since, since_given
from ingest.runtime.settings import Settings
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE
from schemas.versions.catalogue import schema_catalogue

from .errors import as_command_errors
from .given_reason import given_reason

Code = Annotated[str | None, typer.Option("--code", help="Only letters rejected with this code.")]
Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="Number of the dead letter.")]


def register_dead_letters(app: typer.Typer) -> None:
    """Add `dead-letters list|show|retry|discard` to `app`."""
    group = typer.Typer(no_args_is_help=True, help="What was rejected: list, show, retry, discard.")
    app.add_typer(group, name="dead-letters")
    _register_reading(group)
    _register_deciding(group)


def _register_reading(group: typer.Typer) -> None:
    @group.command("list")
    def list_letters(
        code: Code = None,
        everything: Annotated[
            bool, typer.Option("--all", help="Also those resolved or discarded.")
        ] = False,
        limit: Limit = None,
        since: Since = None,
        as_json: JsonLines = False,
    ) -> None:
        """List the dead letters that wait, in the order of receipt."""
        _check_code(code)
        moment = since_given(since)
        settings = Settings.load()
        with as_command_errors(), EventStore.open(settings) as store:
            letters = waiting(store, code=code, status=None if everything else "waiting")
            if moment is not None:
                letters = (letter for letter in letters if letter.received_at >= moment)
            if limit is not None:
                letters = iter(deque(letters, limit))
            if as_json:
                for letter in letters:
                    print_json(described(letter, settings.rules_documentation_url))
            else:
                out().print(table_of(list(letters)))

    @group.command()
    def show(letter: Number, as_json: Json = False) -> None:
        """Say why one message was rejected and how to repair it."""
        settings = Settings.load()
        with as_command_errors(), EventStore.open(settings) as store:
            found = store.dead_letters.get(letter)
        facts = described(found.letter, settings.rules_documentation_url)
        facts |= {"bytes": None if found.raw is None else len(found.raw)}
        if as_json:
            print_json(facts)
            return
        table = Table(show_header=False, box=None)
        for name, value in facts.items():
            table.add_row(name, "" if value is None else str(value))
        out().print(table)


def _register_deciding(group: typer.Typer) -> None:
    @group.command()
    def retry(
        letters: Annotated[
            list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of dead letters.")
        ] = None,
        code: Code = None,
    ) -> None:
        """Decide dead letters again, in the order of receipt: these, or all of one code.

        Those given that do not wait are named and left out; the others are decided all the same.
        Exit codes: 0 none is rejected again; 1 some are; 6 not all of those given wait.
        """
        _check_code(code)
        if not letters and code is None:
            raise CommandError("say which letters", "Give numbers, or --code CODE.", Exit.USAGE)
        with as_command_errors(), EventStore.open(Settings.load()) as store:
            chosen, left_out = _chosen(store, letters, code)
            counts = _retry(store, chosen)
        said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        out().print(said or "no letter waits")
        for sentence in left_out:
            err(sentence)
        if left_out:
            raise typer.Exit(Exit.NOT_FOUND)
        if counts["rejected"]:
            raise typer.Exit(Exit.FAILED)

    @group.command()
    def discard(
        letter: Number,
        reason: Annotated[str, typer.Option(help="Why it will never be decided again.")],
    ) -> None:
        """Set a dead letter aside for good, with a reason; its bytes stay until erasure."""
        why = given_reason(reason)
        with as_command_errors(), EventStore.open(Settings.load()) as store:
            store.dead_letters.discard(letter, why, getpass.getuser())
        out().print(f"dead letter {letter} discarded")


def _check_code(code: str | None) -> None:
    if code is not None and code not in REJECTIONS:
        raise CommandError(
            f"{code} is no rejection code", f"One of: {', '.join(sorted(REJECTIONS))}", Exit.USAGE
        )


def _chosen(
    store: EventStore, letters: list[int] | None, code: str | None
) -> tuple[list[int], list[str]]:
    """The letters to decide, and a sentence for each one asked for that does not wait."""
    if not letters:
        return [letter.letter for letter in waiting(store, code=code)], []
    chosen, left_out = [], []
    for number in sorted(set(letters)):
        page = store.dead_letters.page(status=None, after=number - 1, limit=1)
        if not page or page[0].letter != number:
            left_out.append(f"there is no dead letter {number}")
        elif page[0].status != "waiting":
            left_out.append(f"dead letter {number} does not wait: it is {page[0].status}")
        elif code is not None and page[0].code != code:
            left_out.append(f"dead letter {number} was refused with {page[0].code}, not {code}")
        else:
            chosen.append(number)
    return chosen, left_out


def _retry(store: EventStore, chosen: list[int]) -> Counter[str]:
    settings = Settings.load()
    context = context_of(settings, feed_facts(settings, store))
    counts = Counter[str]()
    with StopSignal().installed() as stop, progress("retry", len(chosen)) as bar:
        again = Retry(store, context, SystemClock(), wait_for_services(stop), stop)
        for done in again(chosen):
            counts.update(arrival.status for arrival in done)
            bar.advance(len(done))
    return counts


def described(letter: DeadLetter, rules_page: str = RULES_PAGE) -> dict[str, Any]:
    """What may be shown of a dead letter: where it came from, why it was rejected, what to do.

    `rules_page`: where the rules are explained.
    """
    rule = REJECTIONS[letter.code]
    schema = schema_catalogue().by_fingerprint.get(letter.fingerprint or b"")
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
        "documentation": rule.link(rules_page),
        "retryable": rule.retryable,
        "software": letter.software_id,
        "message_id": None if letter.message_id is None else str(UUID(bytes=letter.message_id)),
        "schema": None if schema is None else f"{schema.name}.{schema.version}",
        "fingerprint": None if letter.fingerprint is None else letter.fingerprint.hex(),
        "received_at": letter.received_at.isoformat(),
        "decided_at": None if letter.decided_at is None else letter.decided_at.isoformat(),
        "discard_reason": letter.discard_reason,
    }


def table_of(letters: list[DeadLetter]) -> Table:
    """The dead letters as a table. Nothing is cut at 80 columns: what a person looks up stands on
    one line, the rest folds. (`show` and `--json` tell the attempt.)
    """
    table = Table(box=None, pad_edge=False)
    for title in ("letter", "source", "offset", "status"):
        table.add_column(title, no_wrap=True)
    for title in ("rule", "sentence"):
        table.add_column(title, overflow="fold")
    for letter in letters:
        path = f"{letter.path}: " if letter.path else ""
        rule = REJECTIONS[letter.code]
        table.add_row(
            str(letter.letter),
            "/".join(letter.source.rsplit("/", 2)[1:]),
            str(letter.offset),
            letter.status,
            f"{rule.rule_id} {letter.code}",
            Text(path + rule.english),
        )
    table.caption = f"{len(letters)} dead letter(s)"
    return table
