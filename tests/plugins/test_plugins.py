"""What the plugins do to a run: each test is a small run of its own."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.reruns import RERUNS_MAX
from tests.plugins.seeds import kept_seeds
from tests.plugins.side_by_side import pytest_collection_modifyitems

ROOT = Path(__file__).resolve().parents[2]
NEEDED_BY_NOBODY = {
    "tests/deploy/test_container.py": "docker compose",
    "tests/deploy/test_systemd.py": "systemd-analyze",
    "tests/producers/check/test_check_national.py": "a national schematron",
}
"""Modules with a plain skip, and for want of what."""
FAILS_AT_FIRST = """
import pytest
from pathlib import Path

class TookTooLong(AssertionError): pass

def fails_at_first(name, error=TookTooLong):
    if not Path(name).exists():
        Path(name).touch()
        raise error("not within 1 s: it came")
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a module of tests in this process, by hand unless CI is asked for.

    Without seeds: hypothesis has one seed in a process.
    """
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(source: str, *arguments: str, ci: bool = False) -> pytest.RunResult:
        monkeypatch.setenv("CI", "true" if ci else "")
        pytester.makepyfile(source)
        named = ("-p", "tests.plugins.needs", "-p", "tests.plugins.reruns")
        return pytester.runpytest_inprocess(*named, "-p", "no:hypothesispytest", *arguments)

    return run


@pytest.fixture
def draw(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a module of tests in a process of its own, with seeds."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def draw(source: str, *arguments: str, ci: bool = False) -> pytest.RunResult:
        monkeypatch.setenv("CI", "true" if ci else "")
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", "tests.plugins.seeds", *arguments)

    return draw


def test_what_is_timing_runs_again_once_and_is_told(run: Run, pytester: pytest.Pytester) -> None:
    source = f"{FAILS_AT_FIRST}\n@pytest.mark.timing\ndef test_it(): fails_at_first('a')"
    done = run(source)
    done.assert_outcomes(passed=1, errors=0, failed=0)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*run again*", "*::test_it*TookTooLong: not within 1 s: it came*"])
    ledger = (pytester.path / "build" / "reruns.tsv").read_text().splitlines()
    assert [line.split("\t")[1].partition("::")[2] for line in ledger] == ["", "test_it"]


def test_what_is_timing_and_fails_twice_is_red(run: Run) -> None:
    done = run(f"{FAILS_AT_FIRST}\n@pytest.mark.timing\ndef test_it(): raise TookTooLong")
    done.assert_outcomes(failed=1)
    assert done.ret == 1


def test_all_else_is_red_at_once(run: Run) -> None:
    """A test without the mark, and a marked one whose failure is not that something was late."""
    marked = "@pytest.mark.timing\ndef test_marked(): fails_at_first('b', AssertionError)"
    done = run(f"{FAILS_AT_FIRST}\ndef test_it(): fails_at_first('a')\n{marked}")
    done.assert_outcomes(failed=2)


@pytest.mark.parametrize(("count", "code"), [(RERUNS_MAX, 0), (RERUNS_MAX + 1, 1)])
def test_more_than_a_few_run_again_make_the_run_red(run: Run, count: int, code: int) -> None:
    case = "@pytest.mark.timing\n@pytest.mark.parametrize('n', range({}))"
    source = f"{FAILS_AT_FIRST}\n{case.format(count)}\ndef test_it(n): fails_at_first(f'a{{n}}')"
    done = run(source)
    done.assert_outcomes(passed=count)
    assert done.ret == code


@pytest.mark.parametrize("given", ["--reruns=3", "mark"])
def test_there_is_no_other_way_to_run_again(run: Run, given: str) -> None:
    marked = "@pytest.mark.flaky(reruns=9)\n" if given == "mark" else ""
    source = f"import pytest\n{marked}def test_it(): pass"
    assert run(source, *([] if marked else [given])).ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("ci", [False, True])
def test_a_missing_part_is_a_skip_by_hand_and_red_in_ci(run: Run, ci: bool) -> None:
    source = "from tests.missing import missing\ndef test_it(): missing('kafka', 'no broker')"
    done = run(source, "-rs", ci=ci)
    done.assert_outcomes(failed=int(ci), skipped=int(not ci))
    done.stdout.fnmatch_lines(["*missing kafka: no broker (Debian: *"])


@pytest.mark.parametrize("mark", ["java", "samples('nowhere')"])
def test_marks_ask_for_parts(run: Run, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setattr("tests.missing.JAVA", ("no-such-java",))
    source = f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass"
    run(source).assert_outcomes(skipped=1)
    run(source, ci=True).assert_outcomes(errors=1)


def test_no_other_test_skips_by_itself() -> None:
    """A skip that CI should not let pass goes through `missing`."""
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        names = {
            node.attr for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        }  # fmt: skip
        if names & {"skip", "skipif", "importorskip", "skipTest"}:
            found.add(str(path.relative_to(ROOT)))
    assert found == {*NEEDED_BY_NOBODY, "tests/missing.py"}


DRAWS = """
from hypothesis import given, strategies as st
DRAWN = []

@given(st.integers(0, 2**60))
def test_draws(n): DRAWN.append(n)

def test_tells(seed): print("drew", seed, hash(tuple(DRAWN)))
"""


def drawn(done: pytest.RunResult) -> str:
    done.assert_outcomes(passed=2)
    return next(line.partition("drew")[2] for line in done.outlines if "drew" in line)


@pytest.mark.parametrize("ci", [False, True])
def test_a_run_draws_anew_and_a_seed_repeats_it(draw: Run, ci: bool) -> None:
    first, second = (drawn(draw(DRAWS, "-s", "-p", "no:cacheprovider", ci=ci)) for _ in range(2))
    assert first.split()[1] != second.split()[1], "hypothesis drew the same twice"
    again = draw(DRAWS, "-s", "--seed", first.split()[0], ci=ci)
    assert drawn(again) == first


def test_a_red_run_tells_its_seed(draw: Run) -> None:
    done = draw("def test_it(): assert False", "--seed", "77", "-q")
    done.stdout.fnmatch_lines(["*make test SEED=77*"])


def test_kept_seeds_run_first(draw: Run, pytester: pytest.Pytester) -> None:
    table = (
        "seed\\tsuite\\tfound\\n3\\tkept.py\\tx\\n4\\tkept.py::test_it\\ty\\n5\\tother.py\\tz\\n"
    )
    keep = f"""
from pathlib import Path
import tests.plugins.seeds as seeds
Path("seeds.tsv").write_text("{table}")
kept = seeds.kept_seeds(Path("seeds.tsv"))
seeds.kept_seeds = lambda: kept
"""
    pytester.makeconftest(keep)
    pytester.path.joinpath("kept.py").write_text("def test_it(seed): print('took', seed)")
    done = draw("", "-s", "--seed", "9", "kept.py")
    assert [line.split()[-1] for line in done.outlines if "took" in line] == ["3", "4", "9"]


def test_every_kept_seed_is_of_a_suite_that_is_there() -> None:
    rows = kept_seeds()
    assert len({(row.seed, row.suite) for row in rows}) == len(rows)
    assert all((ROOT / row.suite.partition("::")[0]).exists() and row.found for row in rows)


LEAVES_A_PROCESS = """
import subprocess

def test_it(request):
    left = subprocess.Popen(["sleep", "300"], start_new_session=True)
    (request.config.rootpath / "left").write_text(str(left.pid))
    assert {passes}
"""


@pytest.mark.parametrize("passes", [True, False])
def test_what_a_run_started_ends_with_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *, passes: bool
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(LEAVES_A_PROCESS.format(passes=passes))
    done = pytester.runpytest_subprocess("-p", "tests.plugins.leftovers")
    done.assert_outcomes(passed=int(passes), failed=int(not passes))
    done.stderr.fnmatch_lines(["killed what the run left behind: sleep 300*"])
    status = Path(f"/proc/{(pytester.path / 'left').read_text()}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()


def test_files_that_start_systems_come_first_and_stay_whole() -> None:
    """`--dist loadfile` keeps a file on one worker; the slow ones must not begin last."""

    class Item:
        def __init__(self, path: str, *, system: bool) -> None:
            self.path, self.system = path, system

        def get_closest_marker(self, name: str) -> object:
            return self if name == "system" and self.system else None

    items: list[Any] = [
        *(Item("a", system=False), Item("b", system=True), Item("c", system=False)),
        *(Item("b", system=False), Item("d", system=True)),
    ]
    pytest_collection_modifyitems(items)
    assert [item.path for item in items] == ["b", "b", "d", "a", "c"]
