"""The national schematron of the minimal structure, where one is at hand: it is never committed.

pytest tests/producers/check/test_check_national.py --schematron CI-SIS_StructurationMinimale.sch
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.runtime.settings import Settings
from producers.check.checker import Checker, CheckPlan
from producers.check.finding import Finding
from producers.simulator.cda.document import CdaWriter
from schemas.rules.table.severities import AS_THE_TABLE_SAYS
from tests.missing import OFFICIAL
from tests.producers.samples_of_plan import documents_of, planned, planned_by_others

SEED = 7
EACH = 150
SAMPLES = OFFICIAL / "cda"
FAULTY = "eDISP-MED_2024.01.xml"
"""The one official sample that the official schematron finds fault with: the qualifier SP."""


@pytest.fixture(scope="module")
def checker(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Checker:
    file: Path | None = pytestconfig.getoption("--schematron")
    if file is None:
        pytest.skip("no national schematron: give its path with --schematron")
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    return Checker(CheckPlan(settings, AS_THE_TABLE_SAYS, 1_700_000_000.0, (file,)))


def faults(checker: Checker, name: str, data: bytes) -> list[Finding]:
    report = checker.check(name, data)
    return [f for f in report.findings if f.source == "schematron" and f.severity == "error"]


def test_it_finds_nothing_in_documents_of_every_sector(checker: Checker) -> None:
    writer = CdaWriter(SEED)
    documents = [
        *documents_of(planned(2 * EACH, SEED))[:EACH],
        *documents_of(planned_by_others(4 * EACH)),
    ]
    looked_at = 0
    for document in documents:
        if document.kind.body != "kos":
            looked_at += 1
            found = faults(checker, document.kind.name, writer.write(document))
            assert found == [], document.kind.name
    assert looked_at > 2 * EACH


@pytest.mark.samples("cda")
def test_it_finds_the_fault_it_is_known_to_find(checker: Checker) -> None:
    found = faults(checker, FAULTY, (SAMPLES / FAULTY).read_bytes())
    assert {f.rule for f in found} == {"recordTarget_fr"}
