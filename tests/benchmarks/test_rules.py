"""The benchmark of the rules measures what ingestion asks, on messages that keep every rule."""

from __future__ import annotations

import pytest

from benchmarks.harness import BenchmarkError
from benchmarks.rules import FEW, RulesOfMessages, hard_parts, soft_parts
from schemas.rules.of_messages import RULES_OF


def test_a_run_takes_new_messages_and_tells_the_figure_by_part() -> None:
    on = RulesOfMessages(2, 2 * FEW)
    for work, parts in ((on.decode, {}), (on.all_rules, hard_parts() | soft_parts())):
        run = on.measure(work, parts)
        assert run.count == 2 * FEW
        assert run.facts["µs a message"] == pytest.approx(run.cpu["python"] / run.count * 1e6, 0.01)
        assert 0 < run.facts["µs when undisturbed"] <= run.facts["µs a message"]
    assert "DepositDocument" in run.facts
    with pytest.raises(BenchmarkError, match="too few"):
        on.measure(on.decode, {})


def test_the_rules_measured_are_kept_by_simulated_messages() -> None:
    on = RulesOfMessages(1, FEW)
    said = set[object]()
    on.measure(lambda message: said.add(on.all_rules(message)), {})
    assert said == {None}
    assert set(hard_parts()) == set(RULES_OF)
