"""The official samples through the rules of ingestion: refused for the faults NOTES.md names, and
for nothing else; what only looks odd is taken with a warning.
"""

from __future__ import annotations

import csv
from typing import Any

import pytest

from producers.cda.deposit import deposit
from producers.cda.visibility import RequestedVisibility
from schemas.cda import CdaDocument, read_cda
from schemas.forms.identity import accepted_oids
from schemas.rules.document.content import content_findings
from schemas.rules.document.soft_metadata import SOFT_DEPOSIT_RULES
from schemas.rules.of_messages import RULES_OF, SOFT_RULES_OF, ins_accepted
from schemas.rules.table.rejections import Rejection
from tests.missing import OFFICIAL

SAMPLES = OFFICIAL / "cda"
pytestmark = pytest.mark.samples("cda")
Row = dict[str, str]
OIDS = {"test": accepted_oids("test"), "production": accepted_oids("production")}
# Oddities of the table and the warnings that must tell them, exactly when they are there.
TOLD = {
    "signed before it was created": "signed_before_created",
    "act starts after the document was created": "act_after_document",
    "document older than the patient": "document_before_birth",
    "act older than the patient": "act_before_birth",
    "bad time literal": "time_offset_malformed",
}


def rows() -> list[Row]:
    if not (SAMPLES / "expected.tsv").exists():
        return []
    with (SAMPLES / "expected.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def deposited(row: Row) -> dict[str, Any]:
    content = (SAMPLES / row["file"]).read_bytes()
    found = read_cda(content, file=row["file"])
    assert isinstance(found, CdaDocument)
    provenance = {
        "software": {"id": "labo-1", "name": "LGC", "version": "1.0", "approval": None},
        "actor": {
            "id": "1.2.250.1.71.4.2.1^801234567897",
            "name": None,
            "roleCode": "10",
            "organisationId": "1.2.250.1.71.4.2.2^1750100125",
            "organisationName": None,
            "sectorCode": "SA25",
        },
        "authenticationMode": "INDIRECTE",
        "purposeOfUse": "normal",
        "channel": "HISTORICAL",
        "occurredAt": 1_767_225_600_000,  # 2026
    }
    fields = deposit(found, content, provenance, RequestedVisibility())  # type: ignore[arg-type]
    return {"messageId": bytes(16), **fields}


def refusals(datum: dict[str, Any], environment: str) -> list[str]:
    """Families of rules are asked apart, so that a fault of one hides none of another."""
    ins = datum["ins"]
    found: list[Rejection | None] = [
        ins_accepted(ins["oid"], ins["matricule"], OIDS[environment], "ins."),
        RULES_OF["DepositDocument"](datum),
        *content_findings(datum["content"], datum["document"], ins, 1 << 23),
        *(rule(datum) for rule in SOFT_RULES_OF["DepositDocument"]),
    ]
    return [broken.code for broken in found if broken and broken.rule.severity == "reject"]


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["file"]))
def test_a_sample_is_refused_for_its_known_faults_only(row: Row) -> None:
    datum = deposited(row)
    environment = "production" if row["ins"].startswith("1.2.250.1.213.1.4.8^") else "test"
    faults = ["ins_key_wrong"] if "INS key WRONG" in row["oddities"] else []
    if row["file"].startswith("IMG-DA"):
        faults.append("organisation_id_malformed")  # a FINESS of 8 digits
    assert refusals(datum, environment) == faults
    elsewhere = "test" if environment == "production" else "production"
    assert "ins_oid_not_accepted" in refusals(datum, elsewhere)


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["file"]))
def test_what_looks_odd_is_told(row: Row) -> None:
    datum = deposited(row)
    told = {broken.code for rule in SOFT_DEPOSIT_RULES if (broken := rule(datum))}
    assert told == {code for words, code in TOLD.items() if words in row["oddities"]}
    differences = content_findings(datum["content"], datum["document"], datum["ins"], 1 << 23)
    assert differences == ()
