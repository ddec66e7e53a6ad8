"""Tokens, in every form that clients have for them, and the rate of each."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from anomaly_dataplane.contract.config import RateLimit
from anomaly_dataplane.ingest.gate import Gate, RateLimited, Unauthorised
from anomaly_dataplane.ingest.protocol import Facts

TOKENS = {"telegraf": "first-token", "grafana": "second:token\n"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, token in TOKENS.items():
        (tmp_path / name).write_text(token)
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "old").write_text("hidden")
    (tmp_path / "empty").write_text("\n")
    return tmp_path


def facts(authorization: str | None = None, query: Mapping[str, str] | None = None) -> Facts:
    headers = {} if authorization is None else {"Authorization": authorization}
    return Facts("/", query or {}, headers)


@pytest.mark.parametrize(
    "request_facts",
    [
        facts("Bearer first-token"),
        facts("bearer  first-token "),
        facts("Token first-token"),
        facts("Token second:token"),
        facts("Token anybody:first-token"),
        facts(basic("anybody", "first-token")),
        facts(basic("", "second:token")),
        facts(query={"u": "anybody", "p": "first-token"}),
    ],
)
def test_a_valid_token_is_let_in(folder: Path, request_facts: Facts) -> None:
    """Every key of the Secret is one."""
    Gate(folder, RateLimit()).check(request_facts)


@pytest.mark.parametrize(
    "request_facts",
    [
        facts(),
        facts(""),
        facts("Bearer"),
        facts("Bearer "),
        facts("Bearer first-toke"),
        facts("Bearer first-token2"),
        facts("Bearer hidden"),
        facts("Bearer telegraf"),
        facts("first-token"),
        facts("Digest first-token"),
        facts(basic("first-token", "")),
        facts("Basic !!!"),
        facts("Basic " + base64.b64encode(b"first-token").decode()),
        facts("Bearer " + "x" * 100_000),
        facts("Bearer \udcff"),
        facts("Bearer wrong", {"p": "first-token"}),
        facts(query={"p": ""}),
    ],
)
def test_anything_else_is_not(folder: Path, request_facts: Facts) -> None:
    """And is told what would be."""
    with pytest.raises(Unauthorised, match="Bearer TOKEN") as caught:
        Gate(folder, RateLimit()).check(request_facts)
    assert caught.value.status == 401


def test_without_a_secret_nobody_is_let_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A Secret that is missing must not open the door."""
    for missing in (tmp_path, tmp_path / "nowhere"):
        gate = Gate(missing, RateLimit())
        for presented in (facts(), facts("Bearer "), facts(basic("", ""))):
            with pytest.raises(Unauthorised):
                gate.check(presented)
    assert caplog.text.count("nobody can be let in") == 2


def test_where_none_is_asked_for_everybody_is_let_in() -> None:
    """With a token or without."""
    gate = Gate(None, RateLimit())
    assert gate.is_open
    gate.check(facts())
    gate.check(facts("Bearer whatever"))


def test_a_changed_secret_is_in_use_after_the_next_look(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a restart; the log has the names of tokens and never the tokens."""
    caplog.set_level("INFO")
    gate = Gate(folder, RateLimit())
    (folder / "telegraf").unlink()
    (folder / "next").write_text("third-token")
    gate.check(facts("Bearer first-token"))
    gate.look()
    gate.check(facts("Bearer third-token"))
    with pytest.raises(Unauthorised):
        gate.check(facts("Bearer first-token"))
    assert "valid tokens: grafana, next" in caplog.text
    assert "third-token" not in caplog.text


def test_a_token_that_cannot_be_read_shuts_out_nobody_else(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubelet changes the mount while it is read; several senders drop what got a 401."""
    read_bytes = Path.read_bytes

    def going(path: Path) -> bytes:
        if path.name == "a-going-one":
            raise FileNotFoundError(path)
        return read_bytes(path)

    (folder / "a-going-one").write_text("gone")
    monkeypatch.setattr(Path, "read_bytes", going)
    in_order = [folder / name for name in ("a-going-one", *TOKENS)]
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(in_order))
    gate = Gate(folder, RateLimit())
    for token in ("first-token", "second:token"):
        gate.check(facts(f"Bearer {token}"))
    assert "the token a-going-one cannot be read" in caplog.text


async def test_the_secret_is_looked_at_for_ever(folder: Path) -> None:
    """At its interval."""
    gate = Gate(folder, RateLimit())
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 1:
            raise InterruptedError
        (folder / "next").write_text("third-token")

    with pytest.raises(InterruptedError):
        await gate.watch(sleep)
    gate.check(facts("Bearer third-token"))


def test_each_token_has_a_rate_of_its_own(folder: Path) -> None:
    """A burst at once, then so many a second; what is refused costs nothing."""
    now = 100.0
    gate = Gate(folder, RateLimit(requests_per_second=2, burst=3), lambda: now)
    first, second = facts("Bearer first-token"), facts("Bearer second:token")
    for _ in range(3):
        gate.check(first)
    for _ in range(5):
        with pytest.raises(RateLimited, match=r"2 requests a second \(spec.ingest.rateLimit"):
            gate.check(first)
    gate.check(second)
    now += 0.5
    gate.check(first)
    with pytest.raises(RateLimited):
        gate.check(first)
    now += 1000
    for _ in range(3):
        gate.check(first)
    with pytest.raises(RateLimited):
        gate.check(first)
    gate.identify(first)


def test_without_tokens_all_share_one_rate() -> None:
    """The burst is that of one second if nothing else is said."""
    gate = Gate(None, RateLimit(requests_per_second=2), lambda: 1.0)
    assert not gate.is_open
    gate.check(facts())
    gate.check(facts("Bearer a"))
    with pytest.raises(RateLimited):
        gate.check(facts("Bearer b"))
