"""Every command of `histoire`: where it is, told without importing it.

A command starts in half the time when the others are not imported. The table is in the order of the
help: what a document goes through, then what serves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

REGISTRARS: Final[Mapping[str, tuple[str, ...]]] = {
    "producers.simulator.command:register_simulate": ("simulate",),
    "producers.send.command:register_send": ("send",),
    "producers.outcomes.command:register_outcomes": ("outcomes",),
    "producers.record.command:register_record": ("record",),
    "producers.check.command:register_check": ("check",),
    "producers.hl7v2.command:register_hl7": ("hl7",),
    "producers.hl7v2.mllp.command:register_mllp": ("mllp",),
    "deploy.composed:register_ingestion": (
        *("migrate", "ingest", "relay", "housekeeping", "dead-letters"),
        *("audit", "document", "positions", "rules"),
    ),
    "deploy.composed:register_registry": ("registry",),
    "projections.commands.project:register": (
        *("project", "timeline", "accesses", "notifications", "statistics", "replay"),
        "habilitation",
    ),
    "schemas.commands:register": ("cda", "schemas"),
    "deploy.group.command:register_run": ("run",),
    "deploy.status.command:register_status": ("status",),
    "deploy.configuration:register_config": ("config",),
    "deploy.database:register_database": ("database",),
    "deploy.broker.commands:register_broker": ("broker",),
}
"""`module:function` that adds commands to an application, and the names of those it adds."""


class Commands(MutableMapping[str, Any]):
    """The commands by name, in the order of the table; each is imported when it is asked for."""

    def __init__(self) -> None:
        self._registrars = {name: at for at, names in REGISTRARS.items() for name in names}
        self._loaded = dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        at = self._registrars[name]
        if name not in self._loaded:
            self._loaded.update(load(at))
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._registrars.setdefault(name, "")
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._registrars[name]
        self._loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._registrars

    def __iter__(self) -> Iterator[str]:
        return iter(self._registrars)

    def __len__(self) -> int:
        return len(self._registrars)


class LazyGroup(TyperGroup):
    """The top of `histoire`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands()


def load(registrar: str) -> Mapping[str, Any]:
    """The commands that `module:function` adds, by name."""
    module, _, function = registrar.partition(":")
    app = typer.Typer(callback=_nothing)  # with a callback one command stays a group of one
    getattr(import_module(module), function)(app)
    found: Mapping[str, Any] = getattr(typer.main.get_command(app), "commands")  # noqa: B009
    return found


def _nothing() -> None:
    """Of the group that commands are loaded into."""
