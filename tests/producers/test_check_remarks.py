"""Every remark that the reader of CDA can make is explained, and where it says exists."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

import schemas.cda
from producers.check.places import PLACES
from producers.check.remarks import _REFUSALS, REMARKS
from producers.check.sound import SOUND
from schemas.cda import RefusalCode
from schemas.health_identifiers import OrganisationFault, PersonFault
from schemas.registry import registry
from schemas.times import TimeFault

FOLDER = Path(schemas.cda.__file__).parent
OF_TIMES = {"malformed": "time_malformed", "offset_missing": "time_offset_missing"}


def codes_in(path: Path) -> set[str]:
    """The codes written out in `Problem("code", ...)`."""
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    named = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "Problem"]
    first = [call.args[0] for call in named]
    return {str(a.value) for a in first if isinstance(a, ast.Constant)}


def test_every_problem_has_a_row() -> None:
    written = set().union(*(codes_in(path) for path in FOLDER.glob("checks*.py")))
    assert len(written) > 20
    made = {
        f"{name}_{end}"
        for name in ("practice_setting", "facility_type", "sex")
        for end in ("unknown", "not_in_dmp")
    }
    times = {OF_TIMES.get(fault, f"time_{fault}") for fault in get_args(TimeFault)}
    identifiers = {*get_args(PersonFault), *get_args(OrganisationFault)}
    assert written | made | times | identifiers <= set(REMARKS)


def test_rows_are_complete_and_their_ids_unique() -> None:
    assert len({remark.rule for remark in REMARKS.values()}) == len(REMARKS)
    for remark in REMARKS.values():
        assert remark.severity in ("warn", "info")
        assert all((remark.rule.startswith("CDA-"), remark.french, remark.repair))


def test_every_refusal_is_said_in_french() -> None:
    assert set(_REFUSALS) == set(get_args(RefusalCode))


@pytest.mark.parametrize("path", sorted(set(PLACES) - {"ins", "content"}))
def test_every_field_with_a_place_is_a_field_of_a_deposit(path: str) -> None:
    _, field, *inner = path.split(".")
    assert field in SOUND["document"]
    assert not inner or inner[0] in SOUND["traits"]


def test_sound_values_are_of_the_fields_there_are() -> None:
    deposit = registry().tree(registry().newest("DepositDocument"))
    types = {field.name: field.type for field in deposit.fields}
    document = types["document"]
    assert {field.name for field in document.fields} == set(SOUND["document"])  # type: ignore[union-attr]
