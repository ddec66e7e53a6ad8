"""The test that makes and removes this machine's cluster runs for who names its mark, only."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `-m devcluster`, a plain `pytest` would take away the cluster that others use."""
    if "devcluster" in str(config.getoption("markexpr")):
        return
    unasked = [item for item in items if item.get_closest_marker("devcluster")]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]
