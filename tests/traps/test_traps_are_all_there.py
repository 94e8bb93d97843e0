"""Each of the twenty-five traps has its class, and each class says what falling in looks like."""

from __future__ import annotations

import ast
from pathlib import Path

TRAPS = 25


def test_every_trap_has_its_test_and_says_what_falling_in_is() -> None:
    found: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("test_traps_of_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("TestTrap"):
                tests = [n for n in node.body if getattr(n, "name", "").startswith("test_")]
                assert tests, node.name
                found[node.name] = ast.get_docstring(node) or ""
    assert set(found) == {f"TestTrap{number:02}" for number in range(1, TRAPS + 1)}
    assert all(text.startswith("Falling in: ") for text in found.values())
