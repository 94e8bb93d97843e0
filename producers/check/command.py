"""`histoire check`: all rules on files, without sending them."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Annotated, Literal

import typer

from ingest.runtime.console import CommandError, Exit, note, out, print_json, progress
from ingest.runtime.habilitation import configured_matrix
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.options import JsonLines
from ingest.runtime.settings import Settings, SettingsError, variable
from producers.check.schematron.files import SchematronError
from producers.check.schematron.xml_schema import XsdError
from schemas.rules.table.severities import Severities, SeverityError, parse_severities

from .checker import CheckPlan
from .inputs import SUFFIXES, Inputs, inputs
from .many_files import check_files
from .report import Totals, show

_JOBS_MAX = 64

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="CDA R2 files, messages of the feed (Avro or JSON) or of HL7 v2, folders of them, or "
        "- (stdin).",
        metavar="FILE...",
        show_default=False,
    ),
]
SchematronOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--schematron",
        help="Add the findings of this ISO schematron, or of the XSLT made of one. Repeatable.",
    ),
]
XsdOption = Annotated[
    list[Path] | None,
    typer.Option("--xsd", help="Add the faults this XML schema finds. Repeatable."),
]
EnvironmentOption = Annotated[
    Literal["test", "demo", "production"] | None,
    typer.Option(help="Which INS OIDs are accepted; HISTOIRE_ENVIRONMENT without it."),
]
SeveritiesOption = Annotated[
    str | None,
    typer.Option(
        help="Rules of another severity, RULE=reject|warn|off,...; HISTOIRE_RULE_SEVERITIES "
        "without it."
    ),
]
HabilitationOption = Annotated[
    Path | None,
    typer.Option(
        help="Habilitation matrix that says what the profession feeds; HISTOIRE_HABILITATION_FILE "
        "without it."
    ),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Warnings fail a file too.")]
JobsOption = Annotated[
    int, typer.Option(min=1, max=_JOBS_MAX, help="Processes that check files at once.")
]


def check(
    files: FilesArgument,
    schematron: SchematronOption = None,
    xsd: XsdOption = None,
    environment: EnvironmentOption = None,
    severities: SeveritiesOption = None,
    habilitation: HabilitationOption = None,
    strict: StrictOption = False,
    as_json: JsonLines = False,
    jobs: JobsOption = 1,
) -> None:
    """Say all that ingestion, and more, has against files, without sending them.

    A CDA is made into the deposit that `histoire send` would make. Every rule that needs no store
    is looked at, not only the first one broken; of those of HL7 v2 itself, the first one broken is
    named. Values of the file are not repeated, but in what a schematron or schema says itself;
    matricules are masked.
    Exit codes: 0 all files pass; 1 something would be rejected, or a schematron or schema finds an
    error (with --strict: or there is a warning); 2 wrong arguments or settings, or a schematron or
    schema that can't be used; 130 interrupted.
    """
    settings = Settings.load()
    if environment is not None:
        settings = settings.model_copy(update={"environment": environment})
    plan = CheckPlan(
        _with_matrix(settings, habilitation),
        _severities(settings, severities),
        SystemClock().now(),
        tuple(schematron or ()),
        tuple(xsd or ()),
    )
    found = _inputs(files)
    totals = _check(plan, found, strict, as_json, jobs)
    if not as_json:
        out().print(totals.line())
    if totals.failed:
        raise typer.Exit(Exit.FAILED)


def _check(plan: CheckPlan, found: Inputs, strict: bool, as_json: bool, jobs: int) -> Totals:
    totals, console = Totals(), out()
    try:
        with progress("checking", len(found.files), show=len(found.files) > 1) as bar:
            for report in check_files(plan, found.files, jobs):
                totals.add(report, strict)
                print_json(report.as_json(strict)) if as_json else show(console, report, strict)
                bar.advance(1)
    except (SchematronError, XsdError) as error:
        raise CommandError(str(error), "Check --schematron and --xsd.", Exit.USAGE) from None
    except BrokenProcessPool:
        raise CommandError(
            "a process that checked files ended by itself",
            "Check again with --jobs 1.",
            Exit.INTERNAL,
        ) from None
    return totals


def _with_matrix(settings: Settings, asked: Path | None) -> Settings:
    """The settings with the matrix asked for, which is one: it is read by each process again."""
    if asked is None:
        configured_matrix(settings)
        return settings
    settings = settings.model_copy(update={"habilitation_file": asked})
    try:
        configured_matrix(settings)
    except SettingsError as error:
        name = variable("habilitation_file")
        problems = str(error).replace(f"{name}:", "--habilitation:")
        raise CommandError(problems, "See `histoire habilitation check`.", Exit.USAGE) from None
    return settings


def _severities(settings: Settings, asked: str | None) -> Severities:
    if asked is None:
        return settings.severities
    try:
        return parse_severities(asked)
    except SeverityError as error:
        raise CommandError(f"--severities: {error}", None, Exit.USAGE) from None


def _inputs(named: list[Path]) -> Inputs:
    try:
        found = inputs(named)
    except FileNotFoundError as error:
        raise CommandError(
            f"{error.filename}: no such file or folder", "Name what is there.", Exit.USAGE
        ) from None
    if found.passed_over:
        suffixes = ", ".join(sorted(SUFFIXES))
        note(f"{found.passed_over} files of the folders are passed over: only {suffixes} are read.")
    if not found.files:
        raise CommandError("there is no file to check", "Name files, or a folder.", Exit.USAGE)
    return found


def register_check(app: typer.Typer) -> None:
    """Add `check` to `app`."""
    app.command()(check)
