"""The times of fillings and runs."""

from __future__ import annotations

from bench.filled import filling_starts_ms, run_starts_ms
from bench.plan import ON_CLUSTER
from hypothesis import given
from hypothesis import strategies as st

HALF_HOUR_MS = 1_800_000

nows = st.integers(1_700_000_000_000, 1_900_000_000_000)


@given(nows)
def test_filling_and_runs_are_in_the_same_half_hour_which_is_over(now_ms: int) -> None:
    first, run = filling_starts_ms(now_ms), run_starts_ms(now_ms)
    last = run + len(ON_CLUSTER) * 2 * 10_000 + 60_000

    assert first < run
    assert first // HALF_HOUR_MS == last // HALF_HOUR_MS
    assert last < now_ms // HALF_HOUR_MS * HALF_HOUR_MS


@given(nows)
def test_a_run_starts_after_all_that_was_filled(now_ms: int) -> None:
    # The last of the passes starts 28 s after the windows.
    assert run_starts_ms(now_ms) - filling_starts_ms(now_ms) > 30_000
