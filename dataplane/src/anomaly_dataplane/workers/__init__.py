"""The worker pool: batches in, verdicts out once they are committed; one lane a Redis primary.

`pool.py` takes batches from the request handlers and deals them out, `job.py` is one of them on its
way, `turns.py` decides who is next, `lane.py` commits group after group through `commit.py`.
"""

from __future__ import annotations

from anomaly_dataplane.workers.pool import Workers

__all__ = ["Workers"]
