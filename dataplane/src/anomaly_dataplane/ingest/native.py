"""The native protocol: one JSON sample, an array of them, or one a line. Bytes in, columns out.

`intake.py` calls it. Good input is decoded in one go by msgspec; only a body with a fault is gone
through sample by sample, in `salvage.py`, to name what is wrong and keep what is right.
"""

from __future__ import annotations

import msgspec

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.native_columns import columns
from anomaly_dataplane.ingest.native_sample import EXAMPLE, Sample
from anomaly_dataplane.ingest.parsed import BadSample, Parsed, too_many
from anomaly_dataplane.ingest.salvage import salvage
from anomaly_dataplane.ingest.telegraf import TelegrafParser
from anomaly_dataplane.ingest.timestamps import BadTimestamp
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import SeriesTable

LINES_TYPES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
"""Content types that say "one sample a line". All other bodies are looked at."""

_SMALLEST_SAMPLE_BYTES = 24
"""Of `{"metric":"m","value":1}`. A body this small for its limit of samples needs no counting."""
_BRACES_PER_SAMPLE = 4
"""One is a sample, two has labels; more stand in strings, if anywhere."""

_DECODE_FAULTS = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
    OverflowError,
    BadSample,
    BadTimestamp,
)


_one = msgspec.json.Decoder(Sample)
_array = msgspec.json.Decoder(list[Sample])


class NativeParser:
    """Parses bodies of at most `max_samples` samples."""

    def __init__(self, table: SeriesTable, max_samples: int) -> None:
        self._known = KnownSeries(table)
        self._telegraf = TelegrafParser(table, max_samples)
        self._max_samples = max_samples

    def parse(self, body: bytes, *, lines: bool, now_ms: float) -> Parsed:
        """The samples of a body.

        Args:
            body: unpacked.
            lines: the sender says that it has one sample a line; if not, that is found out.
            now_ms: Unix time of receipt, which samples without timestamp get.

        Raises:
            BadPayload: nothing of it can be used.
        """
        if not body:
            raise BadPayload("the body is empty; send at least one sample")
        self._check_braces(body)
        try:
            batch = self._columns(_decode(body, lines), now_ms)
        except _DECODE_FAULTS as fault:
            theirs = self._telegraf.parse(body, now_ms)
            if theirs is not None:
                # It may hold texts alone, which are no fault: Telegraf would send them for ever.
                theirs.batch.size_bytes = len(body)
                return theirs
            parsed = salvage(body, lines, now_ms, self._known, self._max_samples, fault)
        else:
            parsed = Parsed(batch)
        if not parsed.total:
            raise BadPayload(f"no sample in the body; send one like {EXAMPLE}")
        parsed.batch.size_bytes = len(body)
        return parsed

    def _check_braces(self, body: bytes) -> None:
        """Refuse far too many samples before they are made: they take ten times their text."""
        allowed = self._max_samples * _BRACES_PER_SAMPLE
        if len(body) > allowed * _SMALLEST_SAMPLE_BYTES and body.count(b"}") > allowed:
            raise too_many(self._max_samples)

    def _columns(self, samples: list[Sample], now_ms: float) -> Batch:
        if len(samples) > self._max_samples:
            raise too_many(self._max_samples)
        return columns(samples, self._known, now_ms)


def _decode(body: bytes, lines: bool) -> list[Sample]:
    if lines:
        return _one.decode_lines(body)
    if body.lstrip()[:1] == b"[":
        return _array.decode(body)
    try:
        return [_one.decode(body)]
    except msgspec.DecodeError:
        # Mostly several objects, one a line. A fault of another kind shows up again.
        return _one.decode_lines(body)
