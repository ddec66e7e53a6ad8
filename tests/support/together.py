"""What several test processes use at once: made by the first of them, taken away by the last."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def while_used(
    folder: Path, make: Callable[[], None], take_away: Callable[[], None]
) -> Iterator[None]:
    """Count the users in a folder that they share; a user who comes too early waits."""
    with _users(folder) as users:
        if not users:
            make()
        users.append("one more")
    try:
        yield
    finally:
        with _users(folder) as users:
            users.pop()
            if not users:
                take_away()


@contextmanager
def _users(folder: Path) -> Iterator[list[str]]:
    """A line for each user, to read and to change while nobody else does."""
    with (folder / "users").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        users = file.read().splitlines()
        yield users
        file.seek(0)
        file.truncate()
        file.write("".join(f"{user}\n" for user in users))
