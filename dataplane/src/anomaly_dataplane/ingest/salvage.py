"""Goes through a faulty native body sample by sample: names every fault, keeps every good sample.

`native.py` calls it when decoding the body in one go failed. Slower by a factor of ten, and bounded
in memory, since anybody can send faulty bodies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.native_sample import EXAMPLE, check_sample
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, Rejection, too_many
from anomaly_dataplane.ingest.timestamps import next_untimed
from anomaly_dataplane.sample import Batch

_MARKS_PER_SAMPLE = 25
"""Commas, brackets and line ends of a sample with five fields and a score of labels. Python makes
up to 100 bytes of memory from each, so a body with more is not gone through: its first fault is
named."""

_LINES_LOOKED_AT = 100


def salvage(
    body: bytes,
    lines: bool,
    now_ms: float,
    known: KnownSeries,
    max_samples: int,
    fault: Exception,
) -> Parsed:
    """The good samples of a body and a rejection for each bad one.

    Arguments are those of `native.NativeParser`; `fault` is why its fast path gave up, which is all
    that can be said of a body that is too large to look into.

    Raises:
        BadPayload: the body cannot be taken apart into samples.
    """
    if has_too_many_marks(body, max_samples):
        raise BadPayload(f"the body is faulty and too large to look for the good samples: {fault}")
    parsed = Parsed(Batch([], [], []))
    batch = parsed.batch
    untimed_ms = now_ms
    for index, (line, item) in enumerate(_items(body, lines)):
        if index >= max_samples:
            raise too_many(max_samples)
        try:
            if isinstance(item, BadSample):
                raise item
            series, time_ms, value = check_sample(item, known)
        except BadSample as bad:
            parsed.rejected.append(Rejection(index, bad.cause, bad.reason, line))
            continue
        if time_ms is None:
            time_ms = untimed_ms
            untimed_ms = next_untimed(untimed_ms)
        batch.series.append(series)
        batch.times.append(time_ms)
        batch.values.append(value)
    return parsed


def has_too_many_marks(body: bytes, max_samples: int) -> bool:
    """Whether a JSON text has so many values that to decode it would cost the pod its memory."""
    marks = sum(body.count(mark) for mark in (b",", b"[", b"{", b"\n"))
    return marks > max(1000, max_samples * _MARKS_PER_SAMPLE)


def _items(body: bytes, lines: bool) -> Iterator[tuple[int | None, object]]:
    """Each sample's JSON value, with its line where samples stand in lines."""
    if not lines:
        try:
            whole = _json(body)
        except BadSample as bad:
            if body.lstrip()[:1] == b"[" or not _has_objects_in_lines(body):
                raise BadPayload(
                    f"{bad.reason}; send one sample like {EXAMPLE}, an array, or one a line"
                ) from None
        else:
            for item in whole if isinstance(whole, list) else [whole]:
                yield None, item
            return
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip():
            try:
                yield number, _json(line)
            except BadSample as bad:
                yield number, bad


def _has_objects_in_lines(body: bytes) -> bool:
    """Whether this is one sample a line with a fault, and not one sample with a fault."""
    return any(_is_object(line) for line in body.split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT])


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(_json(line), dict)
    except BadSample:
        return False


def _json(text: bytes) -> object:
    """Any JSON value. NaN and Infinity, which are not JSON, pass, to be named where they stand."""
    try:
        return json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadSample(Cause.SYNTAX, f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}" if error.lineno > 1 else ""
        where = where or f"column {error.colno}"
        raise BadSample(Cause.SYNTAX, f"not valid JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise BadSample(Cause.SYNTAX, "not a sample: nested too deeply") from None
    except ValueError:
        raise BadSample(Cause.SYNTAX, "a number has far too many digits") from None
