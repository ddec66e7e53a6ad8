"""Every client through every outage at once; what each did is what docs/clients.md says.

The bold words of the page's table are compared with what was seen:

- **all in**: every sample that the client was given is in Redis, once.
- **told**: some were refused, and the client said so.
"""

from __future__ import annotations

import contextlib
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from anomaly_dataplane.ingest.registry import PROTOCOLS
from clients import Client, Curl, InfluxPython, Paho, TelegrafOutput
from collecting_clients import OpenTelemetryPython, prometheus_writer
from mqtt_broker import mqtt_broker
from outages import OUTAGE_SECONDS, Stack, a_stack
from polling import eventually
from telegraf import OUTPUTS, telegraf

pytestmark = [
    pytest.mark.redis,
    pytest.mark.senders,
    # OpenTelemetry's exporters, of themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
CLIENTS = (
    *(f"Telegraf outputs.{output}" for output in OUTPUTS),
    "influxdb-client-python",
    "curl",
    "paho over mosquitto",
    "Prometheus, remote write 1.0",
    "Prometheus, remote write 2.0",
    "OpenTelemetry SDK for Python, protobuf",
    "OpenTelemetry SDK for Python, JSON",
)
REASONS = "ahead of the pod's clock", "characters; 1024 are allowed"
"""Of the bad samples."""
STEADY_SECONDS = 3.0
SETTLE_SECONDS = 6.0
"""Longer than `Retry-After` and a flush: at its end Telegraf tries once, and not before it may."""
TOKEN = "correct-horse"


def _kill(stack: Stack, __: list[Client]) -> None:
    for _ in range(2):
        stack.kill_pod(away=2.0)
        time.sleep(2)


def _restart(stack: Stack, __: list[Client]) -> None:
    """As a rolling update does: another pod is there first, for what a broker hands out.

    Clients of HTTP all stay with the address of the one that goes.
    """
    other = stack.another_pod("other")
    other.start()
    eventually("the other is subscribed", lambda: other.metric("mqtt_connected") == 1)
    for _ in range(2):
        assert stack.pod.terminate() == 0, stack.pod.said()[-2000:]
        time.sleep(2)
        stack.pod.start()
        time.sleep(2)
    assert "Traceback" not in stack.pod.said() + other.said()


def _redis_away(stack: Stack, _: list[Client]) -> None:
    stack.redis_away(OUTAGE_SECONDS)


def _full(stack: Stack, _: list[Client]) -> None:
    """Redis hangs while a crowd fills the buffer."""
    with stack.full_buffer(TOKEN):
        time.sleep(6)
    refused = stack.pod.metric("requests_refused_total", reason="buffer_full")
    assert refused > 0, "nobody met a full buffer"


def _token(stack: Stack, _: list[Client]) -> None:
    """Somebody takes the senders' token out of the Secret, and puts it back."""
    secret = stack.pod.document.parent / "tokens" / "senders"

    def allowed() -> bool:
        request = urllib.request.Request(f"{stack.url}/api/v1/stats")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        try:
            with urllib.request.urlopen(request, timeout=5):
                return True
        except urllib.error.HTTPError as error:
            if error.code == 401:
                return False
            raise

    secret.write_text("another")
    eventually("the token is refused", lambda: not allowed())
    time.sleep(4)
    secret.write_text(TOKEN)
    eventually("the token is taken", allowed)


def _bad(stack: Stack, clients: list[Client]) -> None:
    seen: set[int] = set()
    for client in clients:
        if id(getattr(client, "_running", client)) not in seen:
            seen.add(id(getattr(client, "_running", client)))
            client.send_bad_sample()
    time.sleep(2)
    for reason in ("future", "series"):
        assert stack.pod.metric("samples_rejected_total", reason=reason) > 0


SCENARIOS: Mapping[str, Callable[[Stack, list[Client]], None]] = {
    "pod killed, twice": _kill,
    "pod stopped (SIGTERM) and started, twice": _restart,
    "Redis away for 10 s": _redis_away,
    "buffer full": _full,
    "token wrong, then right": _token,
    "one bad sample in a batch": _bad,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one client's samples."""

    sent: int
    missing: int
    told: str
    refused: int | None

    @property
    def word(self) -> str:
        """As the page's table has it; a loss that nobody was told of has no word."""
        if any(reason in self.told for reason in REASONS):
            return "told"
        if not self.missing:
            return "all in"
        return "told" if self.told else "lost"


@pytest.fixture(scope="module", params=list(SCENARIOS))
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, Outcome]]]:
    """One scenario with all clients at once."""
    folder = tmp_path_factory.mktemp("matrix")
    with ExitStack() as stack_of:
        broker = stack_of.enter_context(mqtt_broker())
        topics = ["sensors/{site}/{device}/{metric}"]
        tokens = folder / "tokens"
        tokens.mkdir()
        (tokens / "senders").write_text(TOKEN)
        stack = stack_of.enter_context(
            a_stack(
                folder,
                {"ANOMALY_TOKEN_SECRET_DIR": str(tokens), "ANOMALY_DRAIN_SECONDS": "2"},
                ingest={
                    "auth": {"tokenSecretRef": {"name": "senders"}},
                    "mqtt": {"broker": broker.url, "topics": topics},
                },
                buffer={"maxSamples": 2000},
                # Every sample of a run stays in the window, to be looked at.
                detection={"window": 1500},
            )
        )
        eventually("the pod is subscribed", lambda: stack.pod.metric("mqtt_connected") == 1)
        running = stack_of.enter_context(telegraf(folder, stack.url, *OUTPUTS, token=TOKEN))
        clients: list[Client] = [
            *(TelegrafOutput(running, output) for output in OUTPUTS),
            InfluxPython(stack.url, TOKEN),
            Curl(stack.url, TOKEN),
            Paho(broker),
            *(
                stack_of.enter_context(
                    prometheus_writer(folder / version, stack.url, version, TOKEN)
                )
                for version in ("1.0", "2.0")
            ),
            *(OpenTelemetryPython(kind, stack.url, TOKEN) for kind in ("protobuf", "JSON")),
        ]
        for client in clients:
            client.start()
        time.sleep(STEADY_SECONDS)
        SCENARIOS[request.param](stack, clients)
        time.sleep(SETTLE_SECONDS)
        with ThreadPoolExecutor(len(clients)) as pool:
            list(pool.map(lambda client: client.stop(), clients))
        yield request.param, _compare(stack, clients)


def _compare(stack: Stack, clients: list[Client]) -> dict[str, Outcome]:
    sent = {client.name: client.sent() for client in clients}
    total = sum(len(samples) for of in sent.values() for samples in of.values())

    def all_in() -> bool:
        return stack.totals().samples >= total

    # Else some of it was refused, which is what is looked at then.
    with contextlib.suppress(AssertionError):
        eventually("everything is in", all_in, within=60)
    found = {}
    held = bad = 0
    for client in clients:
        series = list(sent[client.name])
        rings = stack.samples_of(series)
        missing = 0
        for one in series:
            wanted, got = sent[client.name][one], rings[one.name]
            # What is named as a counter is held as its rate, so only its times can be looked for.
            rate = one.metric.endswith("_total")
            missing += sum(
                at not in got or (got[at] != value and not rate) for at, value in wanted.items()
            )
            assert set(got) <= set(wanted), f"{client.name}: more than was sent of {one}"
            held += len(got)
        count = sum(map(len, sent[client.name].values()))
        assert count > 10, f"{client.name} has hardly sent anything"
        refused = client.refused()
        found[client.name] = Outcome(count, missing, client.told(), refused)
        if refused is not None:
            bad += refused - missing
    assert stack.totals().samples == held + _fill(stack), "something was counted twice"
    # Who counts has counted what is missing, and besides what the pod has rejected, if any.
    assert bad == stack.pod.metric("samples_rejected_total", reason="series")
    return found


def _fill(stack: Stack) -> int:
    """What the crowd of `full_buffer` got in."""
    return sum(map(len, stack.samples_of(stack.crowd()).values()))


def table() -> dict[str, dict[str, str]]:
    """The page's table: client -> outage -> text."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("|")
    ]
    head, _, *body = rows
    return {
        row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body if len(row) == len(head)
    }


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_does_what_the_page_says(
    client: str, outcomes: tuple[str, dict[str, Outcome]]
) -> None:
    scenario, found = outcomes
    outcome = found[client]
    cell = table()[client][scenario]
    words = re.findall(r"\*\*(.+?)\*\*", cell)
    assert [outcome.word] == words, f"{outcome}; the page: {cell}"
    if words == ["all in"]:
        assert outcome.missing == 0
    if scenario == "token wrong, then right" and words == ["told"]:
        assert 0 < outcome.missing < outcome.sent
        assert "401" in outcome.told
    if scenario == "one bad sample in a batch":
        # Whoever was told of the bad one: the good ones of the same batch were kept.
        assert outcome.missing == 0


def test_the_page_has_every_client_and_every_outage() -> None:
    found = table()
    assert set(found) == set(CLIENTS)
    assert all(set(SCENARIOS) <= set(row) for row in found.values())


def test_all_protocols_are_there_that_these_clients_speak() -> None:
    assert len(PROTOCOLS) >= 3
