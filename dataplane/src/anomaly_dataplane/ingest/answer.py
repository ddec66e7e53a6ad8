"""The body of an ingest answer: counts, the rejected samples, and verdicts for who asks for them.

Pure; `intake.py` calls it and adds the status code.
"""

from __future__ import annotations

import msgspec

from anomaly_dataplane.ingest.parsed import Parsed, Rejection
from anomaly_dataplane.sample import Code, Verdicts

MAX_ERRORS = 100
"""Rejected samples that an answer names; more help nobody, and an answer must stay small."""

_ALL_ACCEPTED = b'{"accepted":%d,"duplicate":0,"late":0,"rejected":0,"errors":[]}'
_DUPLICATE, _LATE = Code.DUPLICATE.value, Code.LATE.value
_STATUS = {code.value: code.name.lower() for code in Code}
_SCORED = frozenset({Code.OK.value, Code.OUTLIER.value})


def answer(parsed: Parsed, verdicts: Verdicts | None, *, with_verdicts: bool) -> bytes:
    """The answer to a request whose good samples, if it had any, are committed.

    Args:
        parsed: what the request held.
        verdicts: of `parsed.batch`; None if that is empty.
        with_verdicts: the sender asked for one verdict a sample.
    """
    codes = verdicts.codes if verdicts is not None else b""
    duplicate, late = codes.count(_DUPLICATE), codes.count(_LATE)
    rejected = parsed.rejected
    if not (duplicate or late or rejected or with_verdicts):
        return _ALL_ACCEPTED % len(codes)
    counts = b'{"accepted":%d,"duplicate":%d,"late":%d,"rejected":%d,"errors":' % (
        len(codes) - duplicate - late,
        duplicate,
        late,
        len(rejected),
    )
    errors = msgspec.json.encode(list(map(_error, rejected[:MAX_ERRORS]))) if rejected else b"[]"
    if not with_verdicts:
        return counts + errors + b"}"
    listed = msgspec.json.encode(_verdicts(parsed, verdicts))
    return counts + errors + b',"verdicts":' + listed + b"}"


def with_error(message: str, body: bytes) -> bytes:
    """An answer that starts with the reason why its status is not 2xx."""
    return b'{"error":' + msgspec.json.encode(message) + b"," + body[1:]


def _error(rejection: Rejection) -> dict[str, object]:
    error: dict[str, object] = {"index": rejection.index, "reason": rejection.reason}
    if rejection.line is not None:
        error["line"] = rejection.line
    return error


def _verdicts(parsed: Parsed, verdicts: Verdicts | None) -> list[dict[str, object]]:
    """One verdict a sample in request order. Figures that were not computed are null."""
    listed: list[dict[str, object]] = [
        {"status": "rejected", "z": None, "mean": None, "std": None, "n": None, "outlier": False}
        for _ in range(parsed.total)
    ]
    if verdicts is None:
        return listed
    for i, position in enumerate(parsed.positions()):
        code = verdicts.codes[i]
        verdict = listed[position]
        verdict["status"] = _STATUS[code]
        if code in _SCORED:
            verdict["z"] = verdicts.z[i]
            verdict["mean"] = verdicts.mean[i]
            verdict["std"] = verdicts.std[i]
            verdict["outlier"] = code == Code.OUTLIER
        if code in _SCORED or code == Code.WARMING:
            verdict["n"] = verdicts.n[i]
        if (event := verdicts.anomalies.get(i)) is not None:
            verdict["anomaly"] = {
                "id": event.id,
                "score": event.score,
                "family": event.family,
                "expected": event.expected,
            }
    return listed
