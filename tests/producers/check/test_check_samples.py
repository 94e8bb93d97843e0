"""The official samples pass, except for the faults that are known of them, which are all named."""

from __future__ import annotations

from collections import Counter

import pytest

from ingest.runtime.settings import Settings
from producers.check.checker import Checker, CheckPlan
from producers.check.finding import FileReport
from schemas.rules.table.severities import AS_THE_TABLE_SAYS
from tests.missing import OFFICIAL

SAMPLES = OFFICIAL / "cda"
FILES = sorted(SAMPLES.glob("*.xml"))
pytestmark = pytest.mark.samples("cda")

REJECTED = {
    "CSE-CS24_2025.01.xml": {"ins_key_wrong"},
    "CSE-CS8_2024.01.xml": {"ins_oid_not_accepted", "ins_key_wrong"},
    "IMG-DA-IMG_2024.01_Radiographie_ChevilleGenou.xml": {"organisation_id_malformed"},
    "OBP-SCM_2024.01.xml": {"ins_oid_not_accepted"},
    "SDM-MR_2024.01_nouveau-ne.xml": {"ins_key_wrong"},
    "eDISP-MED_2024.01.xml": {"ins_oid_not_accepted"},
}
"""Wrong keys, production OIDs and a FINESS of 8 digits (NOTES.md); nothing else is refused."""

NAMED = {
    "act_after_document": {"CARD-F-PRC-AVK_2022.01.xml"},
    "act_before_birth": {"CSE-CS8_2024.01.xml"},
    "document_before_birth": {"CSE-CS8_2024.01.xml"},
    "author_without_organisation": {
        "SDM-MR_2024.01_nouveau-ne.xml",
        "TLM-DA_2022.01_TCG.xml",
    },
    "name_qualifier_withdrawn": {"eDISP-MED_2024.01.xml"},
    "time_offset_malformed": {"BIO-TROD_2024.01_Angine.xml"},
    "time_offset_missing": {"DOC_NON_STRUCTURE_CDA-R2-N1.xml"},
    "replaces_at_first_version": {"CSE-CS8_2024.01.xml"},
    "replaced_document_missing": {
        "CARD-F-PRC-AVK_2022.01.xml",
        "SDM-MR_2024.01_nouveau-ne.xml",
        "TLM-DA_2022.01_TCG.xml",
    },
    "encounter_id_of_person": {
        "BIO-CR-BIO_2021.01_Auto-Presentable.xml",
        "BIO-CR-BIO_2024.01_Microbiologie_V1.xml",
        "BIO-CR-BIO_2024.01_Microbiologie_V2.xml",
        "BIO-CR-BIO_2024.01_TSH_1.xml",
    },
    "signed_before_created": {
        "BIO-CR-BIO_2021.01_Auto-Presentable.xml",
        "BIO-CR-BIO_2024.01_TSH_1.xml",
        "CARD-F-PRC-AVK_2022.01.xml",
        "DOC_NON_STRUCTURE_CDA-R2-N1.xml",
        "VAC-NOTE_2023.01.xml",
    },
}
"""By code, the files that have this oddity of NOTES.md, and no others."""


@pytest.fixture(scope="module")
def reports() -> dict[str, FileReport]:
    checker = Checker(CheckPlan(Settings(), AS_THE_TABLE_SAYS, 1_700_000_000.0))
    return {path.name: checker.check(path.name, path.read_bytes()) for path in FILES}


def test_what_is_refused_is_what_is_known_to_be_wrong(reports: dict[str, FileReport]) -> None:
    refused = {
        name: {f.code for f in report.findings if f.severity == "reject"}
        for name, report in reports.items()
        if not report.passes(strict=False)
    }
    assert refused == REJECTED
    assert all(report.unlooked == () for report in reports.values())


@pytest.mark.parametrize("code", sorted(NAMED))
def test_each_known_oddity_is_named_where_it_is_and_nowhere_else(
    reports: dict[str, FileReport], code: str
) -> None:
    having = {name for name, report in reports.items() if code in {f.code for f in report.findings}}
    assert having == NAMED[code]


def test_a_person_as_organisation_is_named(reports: dict[str, FileReport]) -> None:
    codes = {finding.code for finding in reports["OPH-BRE_2022.02.xml"].findings}
    assert codes & {"organisation_is_person", "organisation_id_malformed"}


def test_a_finding_says_where_it_is_and_what_to_do(reports: dict[str, FileReport]) -> None:
    refused = reports["CSE-CS8_2024.01.xml"]
    wrong_key = next(f for f in refused.findings if f.code == "ins_key_wrong")
    assert (wrong_key.rule, wrong_key.path) == ("INS-02", "ins.matricule")
    text = (SAMPLES / "CSE-CS8_2024.01.xml").read_text().splitlines()
    assert wrong_key.line is not None
    assert "1.2.250.1.213.1.4.8" in text[wrong_key.line - 1]
    assert wrong_key.repair
    assert wrong_key.documentation is not None
    assert wrong_key.documentation.endswith("#INS-02")
    assert wrong_key.french != wrong_key.english


def test_no_report_repeats_who_the_patient_is(reports: dict[str, FileReport]) -> None:
    for report in reports.values():
        said = str(report.as_json(strict=True))
        for value in ("279035121518989", "PATIENT-TROIS", "DOMINIQUE"):
            assert value not in said


def test_nearly_all_that_is_said_has_a_line(reports: dict[str, FileReport]) -> None:
    placed = Counter(bool(f.line) for report in reports.values() for f in report.findings)
    assert placed[True] > 20 * placed[False]
