"""What the messages of a group say: topic and payload in, columns of samples out. Pure.

`consumer.py` calls it. A payload is a number, or what the native protocol takes: a sample, an array
of them, or one a line. The topic adds metric and labels where the payload has none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from anomaly_dataplane.contract.topics import METRIC_LEVEL, Template, Topic
from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.native_sample import check_sample
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, Rejection
from anomaly_dataplane.ingest.salvage import has_too_many_marks
from anomaly_dataplane.ingest.spellings import MAX_BYTES, MAX_SPELLING_BYTES, MAX_SPELLINGS
from anomaly_dataplane.ingest.timestamps import next_untimed
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series, SeriesTable

_JSON_STARTS = frozenset(b'{["')
_LONGEST_NUMBER = 64
"""Bytes of it. Python reads more in a time that grows with their square."""
_DECODE_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came.

    Attributes:
        mid: packet identifier, 0 for QoS 0.
        duplicate: the broker has sent it before.
        retained: it is what the topic was left with, not something new.
        received: when it was here, by `time.perf_counter`.
    """

    topic: str
    payload: bytes
    qos: int = 1
    mid: int = 0
    duplicate: bool = False
    retained: bool = False
    received: float = 0.0


class MessageParser:
    """Parses messages of topics that match one of the templates, the first that does.

    Args:
        table: of the pod's series.
        templates: as `spec.ingest.mqtt.topics` has them.
        max_bytes: of one message.
        max_samples: of one message. Decoded, they take a hundred times their bytes.
    """

    def __init__(
        self, table: SeriesTable, templates: Sequence[str], max_bytes: int, max_samples: int
    ) -> None:
        self._known = KnownSeries(table)
        self._templates = [Template(text) for text in templates]
        self._max_bytes = max_bytes
        self._max_samples = max_samples
        self._topics: dict[str, tuple[Topic, Series | None]] = {}
        self._topic_bytes = 0
        self._untimed_ms = 0.0

    def parse(self, messages: Sequence[Message], now_ms: float) -> Parsed:
        """The samples of some messages, in their order; `index` of a rejection counts over all.

        A sample without a time gets that of its receipt, and no two get the same.
        """
        parsed = Parsed(Batch([], [], []))
        self._untimed_ms = max(now_ms, self._untimed_ms)
        for message in messages:
            try:
                self._add(message, parsed)
            except BadSample as bad:
                self._reject(parsed, message.topic, bad)
        return parsed

    def _add(self, message: Message, parsed: Parsed) -> None:
        payload, topic = message.payload, message.topic
        if message.retained:
            raise BadSample(
                Cause.RETAINED, "a retained message is what was last said, not something new"
            )
        if len(payload) > self._max_bytes:
            raise BadSample(
                Cause.SIZE,
                f"has {len(payload)} bytes; {self._max_bytes} are allowed "
                "(spec.ingest.maxBodyBytes)",
            )
        about, series = self._topics.get(topic) or self._learn(topic)
        value = _number(payload)
        if value is not None:
            if series is None:
                raise BadSample(
                    Cause.FIELD,
                    f"is a number, and no {{{METRIC_LEVEL}}} in the topic template names its "
                    "metric",
                )
            self._append(parsed, series, None, value, len(payload))
            return
        if has_too_many_marks(payload, self._max_samples):
            raise self._too_many()
        items = list(_items(payload))
        if len(items) > self._max_samples:
            raise self._too_many()
        for item in items:
            try:
                found, time_ms, number = check_sample(_complete(item, about), self._known)
            except BadSample as bad:
                self._reject(parsed, topic, bad)
            else:
                self._append(parsed, found, time_ms, number, len(payload) // len(items))

    def _too_many(self) -> BadSample:
        return BadSample(
            Cause.SIZE, f"has more than {self._max_samples} samples (spec.buffer.maxSamples)"
        )

    def _append(
        self, parsed: Parsed, series: Series, time_ms: float | None, value: float, size_bytes: int
    ) -> None:
        batch = parsed.batch
        if time_ms is None:
            time_ms = self._untimed_ms
            self._untimed_ms = next_untimed(time_ms)
        batch.series.append(series)
        batch.times.append(time_ms)
        batch.values.append(value)
        batch.size_bytes += size_bytes

    def _reject(self, parsed: Parsed, topic: str, bad: BadSample) -> None:
        reason = f"{topic[:200]}: {bad.reason}"
        parsed.rejected.append(Rejection(parsed.total, bad.cause, reason))

    def _learn(self, topic: str) -> tuple[Topic, Series | None]:
        about = next((t for each in self._templates if (t := each.match(topic)) is not None), None)
        if about is None:
            raise BadSample(Cause.TOPIC, "no topic template matches")
        series = self._known.resolve(about.metric, about.labels, None) if about.metric else None
        size = len(topic.encode())
        if size <= MAX_SPELLING_BYTES:
            if len(self._topics) >= MAX_SPELLINGS or self._topic_bytes + size > MAX_BYTES:
                self._topics.clear()
                self._topic_bytes = 0
            self._topics[topic] = about, series
            self._topic_bytes += size
        return about, series


def _number(payload: bytes) -> float | None:
    """The payload as a number; None if it is something else, which JSON may be."""
    text = payload.strip()
    if not text or text[0] in _JSON_STARTS or len(text) > _LONGEST_NUMBER or b"_" in text:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        raise BadSample(Cause.VALUE, "value must be a finite number, not NaN or infinite")
    return value


def _items(payload: bytes) -> Iterator[object]:
    """The JSON value of each sample."""
    if not payload.strip():
        raise BadSample(Cause.SYNTAX, "the payload is empty; send a number or a sample in JSON")
    try:
        values = [_json(payload)]
    except BadSample:
        lines = [line for line in payload.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        values = [_json(line) for line in lines]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    if not flat:
        raise BadSample(Cause.SYNTAX, "no sample in the array")
    yield from flat


def _json(text: bytes) -> object:
    try:
        return msgspec.json.decode(text)
    except _DECODE_FAULTS as fault:
        shown = text[:40].decode("utf-8", "replace")
        raise BadSample(
            Cause.SYNTAX, f"neither a number nor JSON ({fault}): {json.dumps(shown)}"
        ) from None


def _complete(item: object, about: Topic) -> object:
    """A sample's fields, with those of the topic where it has none of its own."""
    if isinstance(item, int | float) and not isinstance(item, bool):
        item = {"value": item}
    if not isinstance(item, dict):
        return item
    fields = dict(item)
    if about.metric:
        fields.setdefault("metric", about.metric)
    if about.labels:
        own = fields.get("labels")
        if own is None:
            fields["labels"] = dict(about.labels)
        elif isinstance(own, Mapping):
            fields["labels"] = {**about.labels, **own}
    return fields
