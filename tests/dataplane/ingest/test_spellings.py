"""What is remembered of spellings, and that it stays within bounds."""

from __future__ import annotations

import pytest

from anomaly_dataplane.ingest import spellings
from anomaly_dataplane.ingest.remote_write import symbols
from anomaly_dataplane.ingest.spellings import MAX_SPELLING_BYTES, Spellings


def test_a_spelling_is_remembered() -> None:
    known: Spellings[int] = Spellings()
    known.remember(b"a", 1)
    assert known.known == {b"a": 1}
    known.forget()
    assert known.known == {}


def test_a_long_one_is_not() -> None:
    """It would be looked up anew each time, which is its sender's loss."""
    known: Spellings[int] = Spellings()
    known.remember(bytes(MAX_SPELLING_BYTES + 1), 1)
    assert known.known == {}


@pytest.mark.parametrize(("bound", "value"), [("MAX_SPELLINGS", 3), ("MAX_BYTES", 9)])
def test_beyond_a_bound_all_are_forgotten(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    """In place, so that who looks up in a loop goes on doing so; repeats count once."""
    monkeypatch.setattr(spellings, bound, value)
    known: Spellings[int] = Spellings()
    held = known.known
    for i in range(3):
        for _ in range(2):
            known.remember(b"%03d" % i, i)
    assert len(held) == 3
    known.remember(b"003", 3)
    assert held == {b"003": 3}


def test_symbols_keep_their_numbers_until_they_are_forgotten() -> None:
    """In whatever order they come."""
    table = symbols.Symbols()
    first = table.numbers(["", "a", "b"])
    assert table.numbers(["b", "", "a"]) == first[8:] + first[:8]
    table.forget()
    assert table.numbers(["b"]) == first[:4]


def test_symbols_too_long_for_a_name_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """All have the number of none; what is kept has its bounds."""
    table = symbols.Symbols()
    assert table.numbers(["x" * 1025, "y" * 2000]) == bytes(8)
    assert not table.full
    monkeypatch.setattr(symbols, "MAX_CHARACTERS", 10)
    table.numbers(["x" * 11])
    assert table.full
    monkeypatch.undo()
    assert not table.full
    monkeypatch.setattr(symbols, "MAX_SYMBOLS", 0)
    assert table.full
