"""The one command `histoire`: every command of every package, every error ended cleanly."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from deploy.commands import LazyGroup
from deploy.version import program_version
from ingest.runtime.console import Exit, err
from ingest.runtime.logs import configure_logs
from ingest.runtime.settings import Settings, SettingsError

EPILOG = (
    "Settings come from HISTOIRE_* variables: see `histoire config`. "
    "Data goes to stdout, all else to stderr. "
    "Exit codes: 0 done; 1 the answer is no, or the work failed; 2 wrong arguments or settings; "
    "3 ingestion stopped itself: too many rejections; 4 a service is away, try later; "
    "5 halted, a person must decide; 6 not found; 7 a program is missing; 70 a fault of ours; "
    "130 interrupted."
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"histoire {program_version()}")
        raise typer.Exit


def _configure_logs() -> None:
    # Long-running commands do it again under their own name and at the full level.
    settings = Settings.load()
    chosen = "log_level" in settings.model_fields_set
    configure_logs(
        process="command",
        instance=settings.instance,
        level=settings.log_level if chosen else "warning",
        form=settings.log_format,
    )
    if not chosen:  # the command itself says that a broker is away; the client need not
        for handler in logging.getLogger().handlers:  # the logger stays: its reason is read
            handler.addFilter(_not_of_kafka)


def _not_of_kafka(line: logging.LogRecord) -> bool:
    return not line.name.startswith("kafka.")


def make_app() -> typer.Typer:
    """The application with the commands of every package (`deploy.commands`)."""
    composed = typer.Typer(
        name="histoire",
        cls=LazyGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=EPILOG,
    )

    @composed.callback()
    def histoire(
        version: Annotated[
            bool,
            typer.Option(
                "--version",
                help="Print the version and end.",
                callback=_print_version,
                is_eager=True,
            ),
        ] = False,
    ) -> None:
        """Document events of a national health space: feed, event store, patient timelines."""
        _configure_logs()

    return composed


app = make_app()


def run(arguments: list[str] | None = None) -> int:
    """Exit code of `histoire ARGUMENTS`; an error is one sentence on stderr, never a traceback."""
    try:
        app(args=arguments, prog_name="histoire")
    except SystemExit as end:
        if end.code == Exit.INTERRUPTED:
            err("interrupted")
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except KeyboardInterrupt:
        err("interrupted")
        return Exit.INTERRUPTED
    except SettingsError as error:
        for problem in error.problems:
            err(problem)
        return Exit.USAGE
    except Exception as error:  # noqa: BLE001 - the entry point: no traceback may carry data
        from deploy.error_sentences import describe  # it knows the errors of every package

        sentence, repair, code = describe(error)
        err(sentence, repair)
        return code
    return Exit.OK


def main() -> None:
    """Entry point of the command `histoire`."""
    sys.exit(run())


if __name__ == "__main__":
    main()
