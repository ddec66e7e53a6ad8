"""Pods are measured on a Python that is built as the image's is, and the results say on which."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench import interpreter
from bench.errors import BenchError
from bench.interpreter import Interpreter

HASTY = Interpreter(Path("/opt/python"), (3, 12, 1), False, 90.0, "/opt")
GUIDED = replace(HASTY, optimised=True, loop_ns=60.0)
DEBIAN = Interpreter(Path("/usr/bin/python3"), (3, 11, 2), False, 61.0, "/usr")


def test_an_interpreter_that_could_ship_is_kept() -> None:
    assert interpreter.choose(GUIDED, iter([DEBIAN])) == GUIDED


def test_one_that_was_built_in_haste_gives_way_to_the_systems() -> None:
    assert interpreter.choose(HASTY, iter([DEBIAN])) == DEBIAN


def test_without_another_it_is_used_and_says_what_it_is() -> None:
    chosen = interpreter.choose(HASTY, iter([]))

    assert chosen == HASTY
    assert not chosen.shipped
    assert str(chosen) == (
        "Python 3.12.1, built without profile-guided optimisation, 90 ns a turn of a plain loop"
    )


def test_an_interpreter_tells_its_version_and_its_speed() -> None:
    found = interpreter.asked(Path(sys.executable))

    assert found.version == sys.version_info[:3]
    assert found.prefix == sys.base_prefix
    assert 1 < found.loop_ns < 100_000


def test_what_is_no_interpreter_is_an_error() -> None:
    with pytest.raises(BenchError, match="does not run"):
        interpreter.asked(Path("/bin/false"))
