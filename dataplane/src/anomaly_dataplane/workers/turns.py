"""Who is next: the parts that wait for a lane take turns, so that nobody waits for a giant.

`lane.py` puts parts in and takes a group's worth out. Round robin: a part in front gives at most
`TURN_SAMPLES` and goes to the back with the rest. A request of one sample that comes after ten of
5000 waits for ten turns, not for a hundred groups, and nobody can be passed over for ever.
"""

from __future__ import annotations

from collections import deque

from anomaly_dataplane.workers.job import Part, Slice

TURN_SAMPLES = 128
"""A quarter of a group of the default size: four large requests advance side by side."""


class Turns:
    """The parts that wait for one lane."""

    def __init__(self) -> None:
        self._parts: deque[Part] = deque()

    def __len__(self) -> int:
        return len(self._parts)

    def put(self, part: Part) -> None:
        """Let a part wait behind the others."""
        self._parts.append(part)

    def take(self, room: int) -> list[Slice]:
        """The next samples, at most `room`; parts that are taken to their end wait no more.

        The slices of a part come in its order, and parts of one turn's size or less in theirs.
        """
        parts = self._parts
        turn = min(TURN_SAMPLES, room)
        slices = []
        while parts and room:
            part = parts[0]
            start = part.taken
            size = part.size - start
            # Alone it need not stop after a turn; more slices would only cost time.
            most = room if room < turn or len(parts) == 1 else turn
            if size <= most:
                end = part.size
                parts.popleft()
            else:
                size = most
                end = start + size
                if size >= turn:
                    parts.rotate(-1)
                # Else the group was full before the turn was over: it goes on with the next group.
            part.taken = end
            slices.append((part, start, end))
            room -= size
        return slices

    def clear(self) -> list[Part]:
        """All that waits, which then waits no more."""
        parts = list(self._parts)
        self._parts.clear()
        return parts
