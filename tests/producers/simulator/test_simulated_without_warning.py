"""What the simulator makes keeps every rule, those that only warn included, bytes and all."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from producers.simulator.content.messages import MessageMaker
from producers.simulator.plan.plan import Plan, Run
from producers.simulator.tables.sectors import all_sectors, read_sector
from schemas.codec.messages import decode
from schemas.rules.of_messages import RULES_OF, SOFT_RULES_OF, content_findings
from schemas.rules.table.rejections import Rejection

MADE = 600


def test_simulated_messages_break_no_rule_hard_or_soft() -> None:
    run = Run(5, tuple(map(read_sector, all_sectors())), 120, MADE)
    broken: Counter[tuple[str, str | None]] = Counter()
    with_bytes: Counter[str] = Counter()
    for message in islice(MessageMaker(5, content=True).make_all(Plan(run)), MADE):
        decoded = decode(message.record.value)
        assert not isinstance(decoded, Rejection)
        name, datum = decoded.name, decoded.datum
        found = [RULES_OF[name](datum), *(rule(datum) for rule in SOFT_RULES_OF[name])]
        if datum.get("content") is not None:
            document = datum["document"]
            with_bytes[document["mimeType"]] += 1
            found += content_findings(datum["content"], document, datum["ins"], 1 << 23)
        broken.update((rule.code, rule.path) for rule in found if rule is not None)
    assert broken == Counter()
    assert set(with_bytes) == {"text/xml", "application/dicom"}
