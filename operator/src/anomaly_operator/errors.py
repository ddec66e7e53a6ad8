"""The operator's own errors. Each says by itself what the status will show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that cannot be used: where it stands, and what would be right."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class InvalidSpec(Exception):
    """A resource that cannot be used; `problems` names every field, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class ApiError(Exception):
    """The API server refused a call, or gave no answer (code 0)."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        retry_after: float | None = None,
        causes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.retry_after = retry_after
        self.causes = causes

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed a moment later without anybody's help."""
        return self.code in (0, 401, 408, 429) or self.code >= 500 or self.code == 409

    @property
    def conflict_of_fields(self) -> bool:
        """Another field manager owns a field that we want to own."""
        return self.code == 409 and "FieldManagerConflict" in self.causes


class Retry(Exception):
    """This reconcile could not be finished; the queue comes back to it with back-off.

    Args:
        reason: one word for the metric.
        message: what is waited for.
        retry_after: seconds before which a try is unwelcome.
        at_most: seconds after which a try is cheap and may well succeed, however many have failed.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        retry_after: float | None = None,
        at_most: float = float("inf"),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after
        self.at_most = at_most
