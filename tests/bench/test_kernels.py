"""The benchmark of the kernels: what it makes of its figures."""

from __future__ import annotations

import subprocess

import pytest
from bench import kernels

from anomaly_dataplane.compiled import CYTHON


def test_a_ratio_is_the_median_of_the_rounds_so_that_noise_hits_both_sides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The middle round was twice as slow for both, the last one only for the interpreter."""
    compiled = iter([[100.0] * 4, [200.0] * 4, [100.0] * 4])
    interpreted = iter([[5000.0] * 4, [10_000.0] * 4, [9000.0] * 4])
    monkeypatch.setattr(
        kernels, "_run", lambda flavour: next(compiled if flavour == CYTHON else interpreted)
    )

    measured = kernels.measure(rounds=3)

    assert measured["ratio"] == 50.0
    rows = measured["rows"]
    assert isinstance(rows, list)
    assert [(row["method"], row["samples a call"]) for row in rows] == [
        ("Fused", 500),
        ("Fused", 1),
        ("ZScore", 500),
        ("ZScore", 1),
    ]
    assert rows[0] == {
        "method": "Fused",
        "samples a call": 500,
        "interpreted ns": 9000,
        "compiled ns": 100,
        "ratio": 50.0,
    }
    assert kernels.table(rows).splitlines()[1].split() == ["Fused", "500", "9000", "100", "50.0"]


def test_a_flavour_that_does_not_run_is_an_error_not_a_ratio_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Interpreted against interpreted would look like a measurement."""
    answer = subprocess.CompletedProcess([], 0, b'["python", [1.0]]')
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)

    with pytest.raises(RuntimeError, match="the kernels run as python, not cython"):
        kernels.measure(rounds=1)
