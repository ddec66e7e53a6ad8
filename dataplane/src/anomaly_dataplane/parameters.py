"""Query parameters of a request, read strictly: an unknown or unreadable one is named, not ignored.

The handlers use it. All faults of a request are told at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.timestamps import BadTimestamp, milliseconds

_FLAGS = {"true": True, "1": True, "": True, "false": False, "0": False}


class Parameters:
    """Reads values and gathers what is wrong with them; `check` raises it."""

    def __init__(self, query: Mapping[str, str], known: Sequence[str]) -> None:
        self._query = query
        self._faults = [
            f"unknown query parameter {name[:40]!r}; known: {', '.join(known)}"
            for name in query
            if name not in known
        ]

    def flag(self, name: str) -> bool:
        """A boolean; `?name` alone means true."""
        text = self._query.get(name, "false")
        if text.lower() not in _FLAGS:
            self._faults.append(f"query parameter {name} must be true or false, not {text[:40]!r}")
            return False
        return _FLAGS[text.lower()]

    def count(self, name: str, default: int, maximum: int) -> int:
        """A whole number from 1 to `maximum`."""
        text = self._query.get(name)
        if text is None:
            return default
        # ASCII only and short: int() would also take other scripts' digits, and millions of them.
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= maximum):
            self._faults.append(
                f"query parameter {name} must be a whole number from 1 to {maximum}, "
                f"not {text[:40]!r}"
            )
            return default
        return int(text)

    def time_ms(self, name: str, default: float) -> float:
        """A time in any form that a sample's timestamp may have, as Unix milliseconds."""
        text = self._query.get(name)
        if text is None:
            return default
        try:
            return milliseconds(_number(text))
        except BadTimestamp as bad:
            self._faults.append(f"query parameter {name}: {bad}")
            return default

    def check(self) -> None:
        """Raise BadPayload if anything was wrong."""
        if self._faults:
            raise BadPayload("; ".join(self._faults))


def _number(text: str) -> float | str:
    """The text as a number if it is one; a `+` that a URL made a space of is put back."""
    try:
        return float(text)
    except ValueError:
        return text.replace(" ", "+")
