"""The marks `java` and `samples` of a test are asked for before its fixtures are made."""

from __future__ import annotations

import pytest

from tests.missing import need_java, need_samples


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a test is marked to need is there, or it ends here."""
    if item.get_closest_marker("java") is not None:
        need_java()
    for mark in item.iter_markers("samples"):
        need_samples(*mark.args)
