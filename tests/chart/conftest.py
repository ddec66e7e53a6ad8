from __future__ import annotations

from pathlib import Path

import pytest

from chart import Chart
from tools import helm_binary


@pytest.fixture
def chart(tmp_path: Path) -> Chart:
    """The chart of this checkout; fails, never skips, where there is no helm."""
    return Chart(helm_binary(), tmp_path)
