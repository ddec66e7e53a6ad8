"""What Telegraf and Prometheus make of odd names and values is what a pod reads of it.

Their serializers are encoders that are not ours. Tokens are rotated meanwhile as docs/http-api.md
tells, and nothing is refused for that.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anomaly_dataplane.series import Series
from collecting_clients import Exporter, exporting
from outages import Stack, a_stack
from polling import eventually
from prometheus_sender import a_prometheus, remote_write, settled
from telegraf import OUTPUTS, PREFIXES, telegraf

pytestmark = [pytest.mark.senders, pytest.mark.redis]

OLD, NEW = "first-token", "second-token"
STAMP_MS = int(time.time()) * 1000
TAGS = {"ta g": "v,a=l", "größe": "ü x", "path": r"C:\dir", "quote": "a'b\"c"}
FIELDS = {"f one": 1.5, "f,two": -3.0, "big": float(2**64 - 1), "small": 1e-300}


def odd_line(stamp_ms: int) -> str:
    """TAGS and FIELDS in line protocol, and beside them a truth value and a text."""
    tags = r"ta\ g=v\,a\=l,größe=ü\ x,path=C:\dir,quote=a'b" + '"c'
    fields = rf"f\ one=1.5,f\,two=-3i,big={2**64 - 1}u,small=1e-300,flag=true"
    text = r'note="a \"b\", c=1"'
    return rf"wei\ rd\,name,{tags} {fields},{text} {stamp_ms}000000" + "\n"


@contextmanager
def a_guarded_stack(folder: Path) -> Iterator[tuple[Stack, Path]]:
    """A pod that wants a token, and the folder of the tokens that it takes."""
    tokens = folder / "tokens"
    tokens.mkdir()
    (tokens / "old").write_text(OLD)
    auth = {"auth": {"tokenSecretRef": {"name": "senders"}}}
    with a_stack(folder, {"ANOMALY_TOKEN_SECRET_DIR": str(tokens)}, ingest=auth) as stack:
        yield stack, tokens


def takes(stack: Stack, names: str) -> None:
    """Wait until the pod has read its tokens anew."""

    def said() -> bool:
        lines = [line for line in stack.pod.said().splitlines() if "valid tokens: " in line]
        return lines[-1].endswith(f"valid tokens: {names}")

    eventually(f"the tokens are {names}", said)


def expected(output: str, stamp_ms: int) -> dict[Series, dict[float, float]]:
    """What a pod shall hold of the odd line by one of Telegraf's outputs."""
    name, tags, fields = f"{PREFIXES[output]}wei rd,name", dict(TAGS), dict(FIELDS)
    if output.startswith("influxdb"):
        tags["db"] = "bucket" if output == "influxdb_v2" else "telegraf"
    if output == "prometheusremotewrite":
        # Its serializer has names in Prometheus' alphabet, and 1 for true.
        fields["flag"] = 1.0
        name = name.replace(" ", "_").replace(",", "_")
        fields = {re.sub("[ ,]", "_", field): value for field, value in fields.items()}
        tags = {re.sub("[^a-z]", "_", tag): value for tag, value in tags.items()}
    return {
        Series(f"{name}_{field}", tags, 4): {float(stamp_ms): value}
        for field, value in fields.items()
    }


def arrived(stack: Stack, stamp_ms: int) -> bool:
    for output in OUTPUTS:
        wanted = expected(output, stamp_ms)
        held = stack.samples_of(list(wanted))
        for series, samples in wanted.items():
            assert samples.items() <= held[series.name].items(), f"{output}: {series.name}"
    return True


def test_telegraf(tmp_path: Path) -> None:
    """Each of its serializers, with every escape and type; and it takes a new token by SIGHUP."""
    with (
        a_guarded_stack(tmp_path) as (stack, tokens),
        telegraf(tmp_path, stack.url, *OUTPUTS, token=OLD, more=odd_line(STAMP_MS)) as running,
    ):
        eventually("the odd line is in", lambda: arrived(stack, STAMP_MS))
        (tokens / "new").write_text(NEW)
        takes(stack, "new, old")
        running.take_token(NEW)
        eventually("it has read it", lambda: "Reloading Telegraf config" in running.said())
        eventually("it runs again", lambda: running.said().count("Loaded outputs") == 2)
        (tokens / "old").unlink()
        takes(stack, "new")
        running.more.write_text(odd_line(STAMP_MS + 1000))
        eventually("the next is in", lambda: arrived(stack, STAMP_MS + 1000))
        assert stack.pod.metric("requests_rejected_total") == 0, running.said()[-3000:]
        assert stack.pod.metric("samples_rejected_total") == 0


class OddExporter(Exporter):
    """Shows what Prometheus' formats allow, and devices seldom send."""

    def page(self) -> bytes:
        values = ["5e-324", "-0", "1e100", "-1.7976931348623157e+60", "NaN", "+Inf", "12345.678"]
        lines = [f'odd_value{{n="{n}"}} {value}' for n, value in enumerate(values)]
        lines.append(r'odd_text{text="a\"b\\c\nd €, {x=\"y\"}",empty=""} 1')
        lines.append('{"odd.name/größe","label.with dots"="x"} 2')
        lines.append(f"odd_seconds_total {time.time()}")
        return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_prometheus(tmp_path: Path, version: str) -> None:
    """Names, labels and values of all kinds; and it reads `credentials_file` for each request."""
    credentials = tmp_path / "credentials"
    credentials.write_text(OLD)
    with a_guarded_stack(tmp_path) as (stack, tokens), exporting(OddExporter()) as exporter:
        write = remote_write(stack.url, version)
        write["authorization"] = {"credentials_file": str(credentials)}
        write["queue_config"]["batch_send_deadline"] = "500ms"
        targets = {"odd": exporter.server_port}
        with a_prometheus(tmp_path, write, targets, itself=False) as prometheus:
            eventually("samples arrive", lambda: stack.totals().samples > 20)
            (tokens / "new").write_text(NEW)
            takes(stack, "new, old")
            credentials.write_text(NEW)
            (tokens / "old").unlink()
            takes(stack, "new")
            at = stack.totals().samples
            eventually("samples go on to arrive", lambda: stack.totals().samples > at + 20)
            prometheus.stop_scraping()
            settled(prometheus)
            assert prometheus.refused() == 0, prometheus.said()[-3000:]
            assert stack.pod.metric("requests_rejected_total") == 0
            scraped = {
                series_of(labels): samples for labels, samples in prometheus.scraped().items()
            }
            held = stack.samples_of(list(scraped))
            for series, samples in scraped.items():
                if series.metric.endswith("_total"):  # held as its rate
                    assert set(held[series.name]) == set(samples)
                else:
                    assert held[series.name] == samples, series.name
            names = {series.metric for series in scraped}
            assert {"odd_value", "odd_text", "odd.name/größe", "odd_seconds_total", "up"} <= names
            assert stack.pod.metric("samples_valueless_total") > 0


def series_of(labels: tuple[tuple[str, str], ...]) -> Series:
    named = dict(labels)
    return Series(named.pop("__name__"), named, 4)
