"""The table of rules is whole: every row says all, every code has a row, every rule its source."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from schemas import rules
from schemas.rules.of_messages import RULES_OF, SOFT_RULES_OF
from schemas.rules.table.page import FAMILIES, family_of, in_order, linked, page
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE, RejectionRule
from schemas.rules.table.sources import citations, headings

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("schemas", "ingest", "projections", "producers", "deploy")
RETIRED: Final = frozenset[str]()
"""Codes that are refused no more, and that letters may still name."""
SOURCE = re.compile(r"\b(?:SPEC [a-j](?:\.\d+)?|TRAP \d+|decision \d{4})")
HL7_CODES = range(900, 907)


@pytest.mark.parametrize("rule", REJECTIONS.values(), ids=lambda rule: rule.rule_id)
def test_every_row_is_complete(rule: RejectionRule) -> None:
    texts = (rule.french, rule.english, rule.repair, rule.checks, rule.source, rule.example)
    assert all(text and text == text.strip() for text in texts)
    assert rule.severity in ("reject", "warn")
    assert re.fullmatch(r"[a-z][a-z0-9_]+", rule.code)
    assert re.fullmatch(r"[A-Z][A-Z0-9]*-[0-9]{2}", rule.rule_id)
    assert family_of(rule) in FAMILIES
    assert rule.hl7 in HL7_CODES
    assert rule.checks.endswith(".")
    assert SOURCE.search(rule.source), rule.source
    assert rule.severity == "reject" or not rule.retryable, "what is taken waits for nothing"


def test_examples_name_no_real_identity() -> None:
    """Only the OID of test identities stands before a matricule (SPEC a.6)."""
    for rule in REJECTIONS.values():
        for oid in re.findall(r"1\.2\.250\.1\.213\.1\.4\.\d+(?=\||\^)", rule.example):
            assert oid.endswith(".10"), rule.rule_id


def trees() -> Iterator[ast.Module]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            yield ast.parse(path.read_text())


def test_every_code_in_the_program_has_a_row_and_every_row_is_used() -> None:
    rejected, said = set[str](), set[str]()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Rejection":
                rejected |= {
                    str(argument.value)
                    for argument in node.args[:1]
                    if isinstance(argument, ast.Constant)
                }
    assert rejected <= set(REJECTIONS)
    assert len(rejected) > 40
    assert set(REJECTIONS) - said == set()
    assert set(REJECTIONS) >= RETIRED
    assert RETIRED.isdisjoint(rejected)


def rule_functions() -> list[Callable[..., Any]]:
    """Public functions of `schemas.rules` that answer with a rejection."""
    found: list[Callable[..., Any]] = []
    for module_info in pkgutil.walk_packages(rules.__path__, "schemas.rules."):
        if module_info.name.startswith("schemas.rules.table"):
            continue
        module = import_module(module_info.name)
        for name, function in vars(module).items():
            is_ours = getattr(function, "__module__", "") == module.__name__
            if name.startswith("_") or not is_ours or not inspect.isfunction(function):
                continue
            if "Rejection" in str(inspect.signature(function).return_annotation):
                found.append(function)
    return found


def test_there_are_rule_functions() -> None:
    assert len(rule_functions()) > 15


@pytest.mark.parametrize("rule", rule_functions(), ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_every_rule_names_its_source(rule: Callable[..., Any]) -> None:
    said = " ".join((rule.__doc__ or "").split())
    assert SOURCE.search(said), "its docstring names a section of SPEC, a trap or a decision"


def test_every_kind_of_message_has_hard_and_soft_rules_by_the_same_names() -> None:
    assert set(SOFT_RULES_OF) == set(RULES_OF)


def test_the_page_is_what_the_table_makes() -> None:
    committed = (ROOT / RULES_PAGE).read_text()
    assert committed == page(), f"run: python -m schemas.rules.table.page > {RULES_PAGE}"


def test_the_page_has_one_anchor_for_each_rule_and_tells_all_of_it() -> None:
    text = page()
    for rule in REJECTIONS.values():
        assert text.count(f'### <a id="{rule.rule_id}"></a>') == 1
    sections = text.split("\n### ")[1:]
    assert len(sections) == len(REJECTIONS)
    for rule, section in zip(in_order(REJECTIONS.values()), sections, strict=True):
        plain = re.sub(r"(?<!\\)\[([^]]*)\]\((?:domain|decisions)/[^)]*\)", r"\1", section)
        plain = re.sub(r"\\(.)", r"\1", plain)
        for said in (rule.code, rule.french, rule.english, rule.repair, rule.source, rule.example):
            assert said in plain


def test_every_source_on_the_page_leads_to_its_heading() -> None:
    places = headings()
    for rule in REJECTIONS.values():
        keys = [citation.key for citation in citations(rule.source)]
        assert keys
        told = linked(rule.source, places)
        assert re.findall(r"\]\(([^)]*)\)", told) == [places[key][len("docs/") :] for key in keys]
        assert f"- **Source**: {told}\n" in page()


def test_what_the_order_between_topics_may_change_is_listed_in_the_decision() -> None:
    """Decision 0002 lists the codes; each may pass later without being sent again."""
    decision = (ROOT / headings()["decision 0002"]).read_text()
    listed = next(part for part in decision.split("\n- ") if "No order holds" in part)
    codes = {rule.code for rule in REJECTIONS.values() if rule.topic_order}
    assert codes == set(re.findall(r"`(\w+)`", listed)) & set(REJECTIONS)
    assert all(REJECTIONS[code].retryable for code in codes)
    assert len(codes) == 14
