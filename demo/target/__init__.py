"""Where the samples go: a pipeline that runs, by its URL, and what to say when the demo is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.console import Console

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "minimal.yaml"
NAMESPACE = "demo"


@dataclass(frozen=True, slots=True)
class Target:
    """A pipeline that takes samples.

    Attributes:
        url: what stands before `/api/v1/...`.
        farewell: shows what to look at next.
    """

    url: str
    farewell: Callable[[Console], None]
