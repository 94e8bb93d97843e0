"""Every remark that the reader of CDA can make is explained, and where it says exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from lxml import etree

import schemas.cda
from producers.check.remarks.page import page
from producers.check.remarks.remarks import _REFUSALS, REMARKS, findings_of
from producers.check.rules.valid_values import VALID
from producers.check.xml_places import PLACES
from schemas.cda import CdaRemark, UnreadableCode
from schemas.forms.health_identifiers import OrganisationIdFlaw, PersonIdFlaw
from schemas.forms.times import TimeFlaw
from schemas.rules.table.rejections import REMARKS_PAGE, RULES_PAGE
from schemas.versions.catalogue import schema_catalogue

ROOT = Path(__file__).parents[3]
FOLDER = Path(schemas.cda.__file__).parent
OF_TIMES = {"malformed": "time_malformed", "offset_missing": "time_offset_missing"}


def codes_in(path: Path) -> set[str]:
    """The codes written out in `CdaRemark("code", ...)`."""
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    named = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "CdaRemark"]
    first = [call.args[0] for call in named]
    return {str(a.value) for a in first if isinstance(a, ast.Constant)}


def test_every_problem_has_a_row() -> None:
    written = set().union(*(codes_in(path) for path in FOLDER.glob("checks/*.py")))
    assert len(written) > 20
    made = {
        f"{name}_{end}"
        for name in ("practice_setting", "facility_type", "sex")
        for end in ("unknown", "not_in_dmp")
    }
    times = {OF_TIMES.get(fault, f"time_{fault}") for fault in get_args(TimeFlaw)}
    identifiers = {*get_args(PersonIdFlaw), *get_args(OrganisationIdFlaw)}
    assert written | made | times | identifiers <= set(REMARKS)


def test_rows_are_complete_and_their_ids_unique() -> None:
    assert len({remark.rule for remark in REMARKS.values()}) == len(REMARKS)
    for remark in REMARKS.values():
        assert remark.severity in ("warn", "info")
        assert all((remark.rule.startswith("CDA-"), remark.french, remark.repair))


def test_the_page_is_what_the_table_makes_and_explains_each_remark() -> None:
    text = (ROOT / REMARKS_PAGE).read_text()
    assert text == page(), f"run: python -m producers.check.remarks.page > {REMARKS_PAGE}"
    for remark in REMARKS.values():
        assert text.count(f'## <a id="{remark.rule}"></a>') == 1
    rules = (ROOT / RULES_PAGE).read_text()
    for linked in re.findall(r"rules\.md#([A-Z0-9]+-[0-9]+)", text):
        assert f'<a id="{linked}"></a>' in rules


def test_a_remark_links_to_what_explains_it() -> None:
    document = etree.fromstring(b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>')
    problem = CdaRemark("item_missing", "setId is missing.")
    (finding,) = findings_of(document, [problem], (), "https://rules.example/remarks")
    assert finding.documentation == f"https://rules.example/remarks#{REMARKS[problem.code].rule}"


def test_every_refusal_is_said_in_french() -> None:
    assert set(_REFUSALS) == set(get_args(UnreadableCode))


@pytest.mark.parametrize("path", sorted(set(PLACES) - {"ins", "content"}))
def test_every_field_with_a_place_is_a_field_of_a_deposit(path: str) -> None:
    _, field, *inner = path.split(".")
    assert field in VALID["document"]
    assert not inner or inner[0] in VALID["traits"]


def test_sound_values_are_of_the_fields_there_are() -> None:
    deposit = schema_catalogue().tree(schema_catalogue().newest("DepositDocument"))
    types = {field.name: field.type for field in deposit.fields}
    document = types["document"]
    assert {field.name for field in document.fields} == set(VALID["document"])  # type: ignore[union-attr]
