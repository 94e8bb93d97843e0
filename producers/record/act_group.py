"""The group `record`: its acts are sub-commands, and options may also stand before the act.

An option of another act is refused in one sentence that names the acts it is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from typer.core import TyperArgument, TyperGroup, TyperOption

from .capacity import misused

_HOLDER = "HOLDER"


@dataclass(slots=True)
class _Call:
    """The arguments of one call. `words`: what is neither an option nor the value of one."""

    options: list[str] = field(default_factory=list)
    words: list[int] = field(default_factory=list)


class ActGroup(TyperGroup):
    """Puts the act first, so that `record --ins - open` is `record open --ins -`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, with the act first. Raises CommandError for what the act does not take."""
        call = self._read(args)
        if not call.words or args[call.words[0]] not in self.commands:
            return super().parse_args(ctx, args)
        act = args[call.words[0]]
        if not {"--help", "-h"} & set(call.options):
            self._check(act, call)
        rest = [given for place, given in enumerate(args) if place != call.words[0]]
        return super().parse_args(ctx, [act, *rest])

    def _read(self, args: Sequence[str]) -> _Call:
        flags = {
            name
            for command in self.commands.values()
            for option in _options_of(command)
            if option.is_flag
            for name in option.opts
        } | {"--help", "-h"}
        call, is_value, only_words = _Call(), False, False
        for place, given in enumerate(args):
            if is_value:
                is_value = False
            elif only_words or not given.startswith("-") or given == "-":
                call.words.append(place)
            elif given == "--":
                only_words = True
            else:
                name, equals, _ = given.partition("=")
                call.options.append(name)
                is_value = not equals and name not in flags
        return call

    def _check(self, act: str, call: _Call) -> None:
        for option in call.options:
            takes = [name for name, command in self.commands.items() if _takes(command, option)]
            if takes and act not in takes:
                raise misused(f"{option} does not go with {act}: it is for {_listed(takes)}")
        takes = [name for name, command in self.commands.items() if _takes_holder(command)]
        if act not in takes and len(call.words) > 1:
            raise misused(f"{_HOLDER} does not go with {act}: it is for {_listed(takes)}")
        if act in takes and len(call.words) == 1:
            raise misused(f"{act} needs {_HOLDER}, whom it is about, as root^extension")


def _options_of(command: Any) -> Iterator[TyperOption]:
    return (parameter for parameter in command.params if isinstance(parameter, TyperOption))


def _takes(command: Any, option: str) -> bool:
    return any(option in known.opts for known in _options_of(command))


def _takes_holder(command: Any) -> bool:
    return any(isinstance(parameter, TyperArgument) for parameter in command.params)


def _listed(acts: Sequence[str]) -> str:
    return ", ".join(sorted(acts))
