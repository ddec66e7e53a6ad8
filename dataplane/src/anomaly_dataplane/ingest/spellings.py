"""Which series an encoded set of labels stands for, remembered so that it need not be decoded.

Senders write the labels of a series the same way every time; the protocols recognise them by their
bytes. The binary ones keep them here, the others elsewhere within the same bounds.
"""

from __future__ import annotations

from typing import Generic, TypeVar

MAX_SPELLINGS = 65_536
MAX_BYTES = 16 << 20
"""Of all spellings together. All are dropped beyond a bound: the table behind knows the series."""
MAX_SPELLING_BYTES = 4096
"""Longer ones are looked up anew each time, so that padding cannot fill the memory."""

Meaning = TypeVar("Meaning")


class Spellings(Generic[Meaning]):
    """Remembers what byte strings stand for.

    Attributes:
        known: for a parser's inner loop to look up in; `remember` fills it.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, Meaning] = {}
        self._bytes = 0

    def remember(self, spelling: bytes, meaning: Meaning) -> None:
        """Keep what a spelling stands for, if it is not too long to keep."""
        size = len(spelling)
        if size > MAX_SPELLING_BYTES or spelling in self.known:
            return
        if len(self.known) >= MAX_SPELLINGS or self._bytes + size > MAX_BYTES:
            self.forget()
        self.known[spelling] = meaning
        self._bytes += size

    def forget(self) -> None:
        """Start anew."""
        self.known.clear()
        self._bytes = 0
