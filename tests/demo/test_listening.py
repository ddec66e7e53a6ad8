"""When the pipeline would raise an anomaly at all."""

from __future__ import annotations

from typing import Any

import pytest
from demo.listening import Listening
from demo.sample import Sample

NEAR, FAR, WARMING = {"z": 0.1}, {"z": 1.5}, {"z": None}
RAISED = {"z": 3.0, "anomaly": {"id": "x"}}


@pytest.mark.parametrize(
    ("verdicts", "listens"),
    [
        pytest.param([FAR] * 15 + [NEAR], True, id="at rest"),
        pytest.param([RAISED] + [FAR] * 15 + [NEAR], True, id="the anomaly is long ago"),
        pytest.param([RAISED] + [NEAR] * 15, False, id="held off after an anomaly"),
        pytest.param([FAR] * 16, False, id="never near its mean, so the episode goes on"),
        pytest.param([WARMING] * 2 + [NEAR] * 14, False, id="not warm for long enough"),
        pytest.param([], False, id="nothing heard"),
    ],
)
def test_a_series_is_listened_to_after_some_quiet_samples(
    verdicts: list[dict[str, Any]], listens: bool
) -> None:
    """No anomaly in the last 16, and near the mean at least once."""
    listening = Listening()
    for verdict in verdicts:
        listening.heard([Sample("network", "vm", 0, 0)], [verdict])

    assert listening.to("network") is listens
