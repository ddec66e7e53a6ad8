"""A short run over every parser; `make fuzz` is the long one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from fuzz.mutations import Mutator
from fuzz.run import feed, run, shares_of
from fuzz.seeds import seeds
from fuzz.targets import Finding, Tally, Target, check, targets
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.ingest.parsed import Cause, Parsed, Rejection
from anomaly_dataplane.ingest.registry import PROTOCOLS
from anomaly_dataplane.sample import Batch

TARGETS = targets()
SEED = 1
"""The same in each run: `make fuzz` looks for what is new."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_spoilt_inputs_are_taken_or_refused(target: Target) -> None:
    """Whatever is found here: keep the input, and write a test of the parser with it."""
    found = run([target], 4000, seed=SEED)
    assert found is None, f"{found.error}: {found.data!r}"
    assert target.tally.inputs == 4000


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_noise_is_taken_or_refused(target: Target) -> None:
    @given(st.binary(max_size=400))
    def noise(data: bytes) -> None:
        feed(target, data)

    noise()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_seeds_themselves_get_through(target: Target) -> None:
    """Else the fuzzer would only ever knock at the door."""
    for seed in seeds(target.protocol):
        feed(target, seed)
    assert target.tally.taken + target.tally.partly > 0


def test_every_protocol_is_fuzzed() -> None:
    assert len({target.protocol for target in TARGETS}) == len(PROTOCOLS) + 2


def test_every_protocol_gets_as_many_inputs() -> None:
    """However many paths and headers lead to it."""
    shares: dict[str, int] = {}
    for target, share in zip(TARGETS, shares_of(TARGETS, 600_000), strict=True):
        shares[target.protocol] = shares.get(target.protocol, 0) + share
    assert all(100_000 <= share < 100_100 for share in shares.values())


def a_target(react: Callable[[bytes], None]) -> Target:
    return Target("broken", react, Tally(), "json")


def test_an_exception_is_found_with_its_input() -> None:
    def react(data: bytes) -> None:
        if b"metric" not in data:
            raise KeyError("metric")

    found = run([a_target(react)], 10_000)
    assert found is not None
    assert b"metric" not in found.data
    assert found.error == "KeyError: 'metric'"


def test_an_input_that_takes_too_long_is_found() -> None:
    def react(_: bytes) -> None:
        until = time.process_time() + 1.2
        while time.process_time() < until:
            pass

    found = run([a_target(react)], 1)
    assert found is not None
    assert "took 1." in found.error


@pytest.mark.parametrize(
    "parsed",
    [
        Parsed(Batch([], [1.0], [1.0])),
        Parsed(Batch([], [], []), [Rejection(1, Cause.VALUE, "")]),
        Parsed(Batch([], [], []), [Rejection(0, Cause.VALUE, ""), Rejection(0, Cause.VALUE, "")]),
    ],
)
def test_columns_and_rejections_that_do_not_fit_are_found(parsed: Parsed) -> None:
    with pytest.raises(Finding):
        check(parsed)


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, second = (Mutator(seeds("json"), random.Random(7)) for _ in range(2))
    assert [first.input() for _ in range(50)] == [second.input() for _ in range(50)]
