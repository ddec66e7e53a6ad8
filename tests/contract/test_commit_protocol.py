"""docs/commit-protocol.md against the code that it describes."""

from __future__ import annotations

import re
from pathlib import Path

from anomaly_dataplane.contract.config import Method
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.series import Series
from anomaly_dataplane.state import layout
from anomaly_dataplane.store import wire
from anomaly_dataplane.store.keys import OUTBOX_LENGTH, STATE_TTL_MS, Keys

DOCUMENT = Path(__file__).parents[2] / "docs" / "commit-protocol.md"


def test_the_documented_block_is_the_one_in_use() -> None:
    """Index for index: whoever reads a block with redis-cli can trust the table."""
    rows = re.findall(r"^\| (\d+) \| ([A-Z0-9_]+) \|", DOCUMENT.read_text(), re.MULTILINE)

    assert {name: int(index) for index, name in rows} == {
        name: getattr(layout, name) for _, name in rows
    }
    assert [int(index) for index, _ in rows] == list(range(layout.JOURNAL + 1))


def test_the_documented_names_are_the_ones_in_use() -> None:
    """Keys, function and limits."""
    text = DOCUMENT.read_text()
    keys, series = Keys("uid", 4), Series("m", {}, 4)

    assert f"FCALL {wire.FUNCTION}`" in text
    assert f"'{wire.FUNCTION}'" in wire.SOURCE
    suffix = keys.state(series).decode().partition("}")[2]
    assert f"`{{uid:p}}{suffix.replace(series.id, '<series id>')}`" in text
    for name in (keys.outbox(0), keys.names(0), keys.totals(0)):
        assert f"`{name.decode().replace('uid:0', 'uid:p')}`" in text
    sizes = [METHODS[name].layout(120).stored_bytes for name in (Method.FUSED, Method.ZSCORE)]
    assert "{} bytes with `Fused`, {} with `ZScore`".format(*sizes) in text
    journals = [METHODS[name].layout(120).journal for name in (Method.FUSED, Method.ZSCORE)]
    assert "{} samples with `Fused`, {} with `ZScore`".format(*journals) in text
    assert f"layout number, {layout.NUMBER}," in text
    assert f"after {STATE_TTL_MS // 86_400_000} idle days" in text
    assert f"newest {OUTBOX_LENGTH:,}" in text
