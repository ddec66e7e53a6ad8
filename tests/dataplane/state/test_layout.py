"""The layout of blocks: what fits where."""

from __future__ import annotations

import pytest

from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.state.layout import Layout

STRING_HEADER = 6
"""What Redis puts around a string of this length, in bytes."""


@pytest.mark.parametrize(("name", "size_class"), [(Name.FUSED, 3072), (Name.ZSCORE, 1792)])
def test_a_block_of_the_default_window_fits_its_size_class(name: Name, size_class: int) -> None:
    """One byte more and every series takes an eighth or a quarter more of Redis' memory."""
    assert METHODS[name].layout(120).stored_bytes + STRING_HEADER <= size_class


def test_a_window_that_offsets_cannot_reach_is_refused() -> None:
    """A commit gives them in 16 bits; the config's bound is far below."""
    assert Layout(32_000).doubles < 2**16

    with pytest.raises(ValueError, match=r"a window of 38000 samples; about 374\d\d are the most"):
        Layout(38_000)


def test_a_journal_is_never_longer_than_the_ring() -> None:
    """Its samples are taken from there."""
    assert Layout(5, hot=3).journal == 5
    assert Layout(50, hot=3).journal == 6
