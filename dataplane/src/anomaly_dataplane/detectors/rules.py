"""What the kernels need of the config, in the units and types that they compute with."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_dataplane.contract.config import Detection, Direction, Ingest


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds of one pipeline.

    Attributes:
        above, below: whether deviations to that side count.
        lateness_ms: how far behind the newest sample of its series a sample may be.
    """

    threshold: float
    min_samples: int
    above: bool
    below: bool
    min_abs_deviation: float
    min_rel_deviation: float
    hold_off_samples: int
    repeat_after_samples: int
    lateness_ms: float

    @classmethod
    def of(cls, detection: Detection, ingest: Ingest) -> Rules:
        """The rules that a config asks for."""
        return cls(
            threshold=detection.threshold,
            min_samples=detection.min_samples,
            above=detection.direction is not Direction.BELOW,
            below=detection.direction is not Direction.ABOVE,
            min_abs_deviation=detection.min_abs_deviation,
            min_rel_deviation=detection.min_rel_deviation,
            hold_off_samples=detection.hold_off_samples,
            repeat_after_samples=detection.repeat_after_samples,
            lateness_ms=ingest.allowed_lateness_seconds * 1000.0,
        )
