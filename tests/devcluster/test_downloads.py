"""A registry that has a hiccup ends no run; whatever else fails is told at once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from devcluster.command import download
from devcluster.errors import DevClusterError
from devcluster.paths import CHECKOUT

RETRY = CHECKOUT / "hack" / "retry"


def a_program(folder: Path, said: str, failures: int) -> list[str]:
    """A program that says this and fails so many times, and then prints how often it ran."""
    tries = folder / "tries"
    script = (
        f'echo x >> "{tries}"; count=$(wc -l < "{tries}"); '
        f'[ $count -gt {failures} ] && echo $count && exit; echo "{said}" >&2; exit 7'
    )
    return ["sh", "-c", script]


@pytest.mark.parametrize(
    "said",
    [
        "go: example.com/m@v1.0.0: reading example.com/m/@v/v1.0.0.zip: 502 Bad Gateway",
        "dial tcp 192.0.2.7:443: i/o timeout",
        "E: Failed to fetch http://192.0.2.7/debian/pool/x.deb  Connection timed out",
        "error: Failed to download `ruff==1.0`",
        "read: connection reset by peer",
    ],
)
@pytest.mark.parametrize("logged", [False, True])
def test_a_hiccup_is_waited_out(tmp_path: Path, said: str, logged: bool) -> None:
    """Whether it is told on the screen or in a log."""
    log = tmp_path / "log" if logged else None

    shown = download(a_program(tmp_path, said, failures=2), log=log, pauses=(0, 0, 0))

    assert (log.read_text() if log else shown).strip() == "3"


@pytest.mark.parametrize(
    ("said", "pauses", "tries"),
    [("main.go:7: undefined: x", (0, 0), 1), ("503 Service Unavailable", (0, 0), 3)],
)
def test_what_does_not_pass_is_told(
    tmp_path: Path, said: str, pauses: Sequence[float], tries: int
) -> None:
    """A mistake in the sources at once; a registry that stays away after the last pause."""
    with pytest.raises(DevClusterError, match=said[:7]):
        download(a_program(tmp_path, said, failures=99), pauses=pauses)

    assert (tmp_path / "tries").read_text().count("x") == tries


@pytest.mark.parametrize(("failures", "code"), [(0, 0), (2, 0), (3, 7)])
def test_the_scripts_try_again_too(tmp_path: Path, failures: int, code: int) -> None:
    """Once after each pause, and then they fail as what they ran did."""
    done = subprocess.run(
        [RETRY, *a_program(tmp_path, "failed", failures)],
        env={**os.environ, "RETRY_PAUSES": "0 0"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert done.stderr.count("trying again in 0 s") == min(failures, 2)
