"""`histoire config`: the effective settings and where each comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr
from rich.table import Table

from ingest.runtime.console import out, print_json
from ingest.runtime.options import JsonLines
from ingest.runtime.settings import Settings, variable

MASKED = "********"


@dataclass(frozen=True)
class EffectiveSetting:
    """One setting; `value` is masked for a secret, `source` is `environment` or `default`."""

    setting: str
    variable: str
    value: Any
    source: str
    description: str


def effective_settings(settings: Settings) -> Iterator[EffectiveSetting]:
    """Every setting of what `Settings.load` returned, in the order of its declaration."""
    for name, field in Settings.model_fields.items():
        yield EffectiveSetting(
            setting=name,
            variable=variable(name),
            value=_shown(getattr(settings, name)),
            source="environment" if name in settings.model_fields_set else "default",
            description=field.description or "",
        )


def register_config(app: typer.Typer) -> None:
    """Add `config` to `app`."""

    @app.command()
    def config(
        as_json: JsonLines = False,
    ) -> None:
        """Print the effective settings, secrets masked, and where each comes from.

        Each is set by a variable of the environment: HISTOIRE_ and its name in capitals. An
        unknown HISTOIRE_ variable is refused by every command.
        """
        shown = effective_settings(Settings.load())
        if as_json:
            for item in shown:
                print_json(asdict(item))
        else:
            out().print(table_of(shown))


def table_of(shown: Iterable[EffectiveSetting]) -> Table:
    """A table for people. Every variable stands whole on one line, also at 80 columns."""
    table = Table(box=None, pad_edge=False)
    table.add_column("variable", no_wrap=True)  # a name that is cut or folded cannot be copied
    for title in ("value", "from", "what it is"):
        table.add_column(title, overflow="fold")
    for item in shown:
        value = "-" if item.value is None else str(item.value)
        table.add_row(item.variable, value, item.source, item.description)
    return table


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MASKED
    if isinstance(value, Path):
        return str(value)
    return value
