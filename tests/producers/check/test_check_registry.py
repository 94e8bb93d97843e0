"""`histoire check` on messages of the topic `registry`: every rule that is broken, none else."""

from __future__ import annotations

from typing import Any

import pytest

from producers.check.rules.every_rule import every_broken_rule
from producers.check.rules.valid_values import VALID, valid_value
from schemas.rules.of_messages import RULES_OF

MESSAGES: dict[str, dict[str, Any]] = {
    "ReferenceSoftware": {
        "id": "lgc-1",
        "publisher": "P",
        "product": "L",
        "version": None,
        "sector": None,
        "approval": None,
        "referencedFrom": "20240101",
        "referencedUntil": "20241231",
    },
    "CertifyTeleconsultationCompany": {
        "id": "1.2.250.1.71.4.2.2^1990000001",
        "company": "C",
        "certificateNumber": "1",
        "certifiedFrom": "20240101",
        "certifiedUntil": "20241231",
    },
    "ReferenceService": {
        "id": "s",
        "publisher": "P",
        "name": "N",
        "track": "telesurveillance",
        "certificateNumber": "1",
        "referencedFrom": "20240101",
        "referencedUntil": None,
    },
    "EvaluateService": {
        "id": "s",
        "evaluatedOn": "20240101",
        "conclusion": "COMPLIANT",
        "correctBefore": None,
        "report": None,
    },
    "WithdrawReference": {
        "kind": "COMPANY",
        "id": "1.2.250.1.71.4.2.2^1990000001",
        "withdrawnFrom": "20240101",
        "reason": "R",
    },
}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_each_broken_field_is_told_once_and_the_rest_is_looked_at(name: str) -> None:
    valid_message = MESSAGES[name]
    assert RULES_OF[name](valid_message) is None
    assert every_broken_rule(valid_message, RULES_OF[name], valid_value).rejections == []
    texts = [field for field, value in valid_message.items() if isinstance(value, str)]
    spoiled = [field for field in texts if field not in ("conclusion", "kind")]
    broken = every_broken_rule(
        {**valid_message, **dict.fromkeys(spoiled, "\x00")}, RULES_OF[name], valid_value
    )
    assert broken.complete
    assert sorted(rejection.path or "" for rejection in broken.rejections) == sorted(spoiled)


def test_a_track_without_a_certificate_is_one_fault() -> None:
    message = {**MESSAGES["ReferenceService"], "certificateNumber": None}
    found = every_broken_rule(message, RULES_OF["ReferenceService"], valid_value)
    assert [(r.code, r.path) for r in found.rejections] == [
        ("certificate_missing", "certificateNumber")
    ]
    assert found.complete
    assert VALID["certificateNumber"]
