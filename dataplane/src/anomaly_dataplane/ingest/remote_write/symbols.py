"""Numbers for the symbols of requests, which stay the same from request to request.

`v2` gives them to `references`, and forgets the spellings made of them whenever it has this forget.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from anomaly_dataplane.ingest.known_series import MAX_LABEL_VALUE_LENGTH

MAX_SYMBOLS = 65_536
MAX_CHARACTERS = 8 << 20

NOT_KEPT = 0
"""The number of all symbols that are longer than anything a series may be named with."""


class Symbols:
    """Numbers symbols in the order in which they are first seen."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._characters = 0

    @property
    def full(self) -> bool:
        """Whether it is time to forget them."""
        return len(self._numbers) > MAX_SYMBOLS or self._characters > MAX_CHARACTERS

    def forget(self) -> None:
        """Start anew: from now on the numbers mean something else."""
        self._numbers.clear()
        self._characters = 0

    def numbers(self, symbols: Iterable[str]) -> bytes:
        """The number of each symbol, in 4 bytes."""
        known = self._numbers
        found = []
        for symbol in symbols:
            number = known.get(symbol)
            found.append(self._add(symbol) if number is None else number)
        return array("I", found).tobytes()

    def _add(self, symbol: str) -> int:
        if len(symbol) > MAX_LABEL_VALUE_LENGTH:
            return NOT_KEPT
        number = self._numbers[symbol] = len(self._numbers) + 1
        self._characters += len(symbol)
        return number
