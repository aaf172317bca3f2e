"""What all tests share: the examples that Hypothesis draws, and which tests share a process."""

from pathlib import Path

import hypothesis
import pytest

_ROOT = Path(__file__).parent

# The same examples in every run.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process (`pytest -n 2 --dist loadgroup`), and all tests of the tools.

    They share fixtures that take long to make: traced graphs, a whole quickstart.
    """
    for item in items:
        path = item.path.relative_to(_ROOT)
        item.add_marker(pytest.mark.xdist_group("tools" if path.parts[0] == "tools" else str(path)))
