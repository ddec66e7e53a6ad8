"""Which store the local demo keeps its state in, and that it says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from demo.errors import DemoError
from demo.target.store import Given, InProcess, Private, choose

Installed = Callable[[str], str | None]


def installed(**versions: str) -> Installed:
    """A machine with these programs, `_` standing for `-`."""
    return lambda program: versions.get(program.replace("-", "_"))


def nobody(address: str) -> str:
    """A network without any Redis."""
    raise DemoError(f"{address} does not answer")


def test_a_redis_that_is_named_is_used() -> None:
    """REDIS_URL wins over what is installed."""
    chosen = choose("redis.example:6380", lambda _: "7.2.4", installed(redis_server="8.0.1"))

    assert chosen == Given(
        "redis.example:6380", "Redis 7.2.4 at redis.example:6380, because REDIS_URL names it"
    )


def test_the_usual_spelling_of_a_redis_url_is_understood() -> None:
    """`redis://host:port/` means the same."""
    chosen = choose("redis://localhost:6379/", lambda _: "8.0", installed())

    assert isinstance(chosen, Given)
    assert chosen.address == "localhost:6379"


@pytest.mark.parametrize(
    ("address", "version_at", "problem"),
    [
        pytest.param("localhost:6379", lambda _: "6.2.14", "6.2.14; 7 or newer", id="too old"),
        pytest.param("localhost:6379", nobody, "does not answer", id="not there"),
        pytest.param("localhost", lambda _: "8.0", "must be host:port", id="no port"),
    ],
)
def test_a_named_redis_that_cannot_be_used_is_an_error(
    address: str, version_at: Callable[[str], str], problem: str
) -> None:
    """Falling back in silence would not be what was asked for."""
    with pytest.raises(DemoError, match=problem):
        choose(address, version_at, installed(redis_server="8.0.1"))


def test_an_installed_redis_is_started() -> None:
    """Valkey serves as well, where Redis is missing or too old."""
    assert choose("", nobody, installed(redis_server="7.0.15")) == Private(
        "redis-server", "a private redis-server 7.0.15, which was found here"
    )
    assert choose("", nobody, installed(redis_server="6.0.16", valkey_server="8.1.0")) == Private(
        "valkey-server", "a private valkey-server 8.1.0, which was found here"
    )


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        pytest.param(installed(), "no redis-server or valkey-server was found here", id="none"),
        pytest.param(
            installed(redis_server="6.0.16"), "redis-server 6.0.16 is older than 7", id="too old"
        ),
    ],
)
def test_without_a_redis_the_process_keeps_its_own_state(programs: Installed, reason: str) -> None:
    """The demo works anywhere, and says what it does without."""
    chosen = choose("", nobody, programs)

    assert isinstance(chosen, InProcess)
    assert reason in chosen.why
