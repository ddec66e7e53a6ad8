"""Every Redis key of a pipeline. The braces make Redis Cluster keep a partition in one slot."""

from __future__ import annotations

from anomaly_dataplane.series import Series

STATE_TTL_MS = 14 * 24 * 3600 * 1000
"""A series that sends nothing for two weeks is forgotten; each day's first commit puts that off."""

OUTBOX_HISTORY = 10_000
"""Anomalies that a partition's stream keeps, about; older ones go once alerting handled them."""

OUTBOX_LENGTH = 2 * OUTBOX_HISTORY
"""Anomalies that it holds at most, about, when nobody handles them."""

ALERT_QUEUE_LENGTH = 10_000
"""Notices that wait for one receiver, a partition; further ones go to the dead letters."""

FEEDBACK_LENGTH = 1_000
"""What people said of anomalies, of which a partition's audit keeps the last, about."""

DEAD_LETTERS = 1_000
"""Notices that could not be delivered, of which a partition keeps the last, about."""

RECEIPT_TTL_MS = 10 * 60 * 1000
"""How long a request with an Idempotency-Key is known again; bounds what such keys take."""


class Keys:
    """Key names of the pipeline with this uid."""

    def __init__(self, uid: str, partitions: int) -> None:
        self._prefixes = tuple(f"{{{uid}:{p}}}:" for p in range(partitions))

    def state(self, series: Series) -> bytes:
        """String: the series' block."""
        return self.states(series.partition) + series.id_bytes

    def states(self, partition: int) -> bytes:
        """What the state keys of a partition start with; the series' id follows."""
        return f"{self._prefixes[partition]}s:".encode()

    def outbox(self, partition: int) -> bytes:
        """Stream: anomalies, each in the field `anomaly` as JSON."""
        return f"{self._prefixes[partition]}outbox".encode()

    def receipt(self, partition: int, name: str) -> bytes:
        """String: when a request with an Idempotency-Key came first, and what; it expires."""
        return f"{self._prefixes[partition]}r:{name}".encode()

    def names(self, partition: int) -> bytes:
        """Hash: series id -> name and labels as JSON."""
        return f"{self._prefixes[partition]}names".encode()

    def totals(self, partition: int) -> bytes:
        """Hash: counters of the partition (`Totals`)."""
        return f"{self._prefixes[partition]}totals".encode()

    def sweep(self, partition: int) -> bytes:
        """String: which pod looks for silent series of the partition; it expires."""
        return f"{self._prefixes[partition]}sweep".encode()

    def lease(self, partition: int) -> bytes:
        """String: which pod looks after the partition's alerts; it expires."""
        return f"{self._prefixes[partition]}lease".encode()

    def alerts(self, partition: int) -> bytes:
        """Hash: alert key -> alert as JSON, and their `revision`."""
        return f"{self._prefixes[partition]}alerts".encode()

    def queue(self, partition: int, receiver: str) -> bytes:
        """Stream: notices that a receiver has yet to be told, each in the field `notice`."""
        return f"{self._prefixes[partition]}notices:{receiver}".encode()

    def dead_letters(self, partition: int) -> bytes:
        """Stream: notices that were given up, each in the field `letter`."""
        return f"{self._prefixes[partition]}deadletters".encode()

    def feedback(self, partition: int) -> bytes:
        """Hash: anomaly id -> what people said of it, as JSON."""
        return f"{self._prefixes[partition]}feedback".encode()

    def feedback_audit(self, partition: int) -> bytes:
        """Stream: who said what when, withdrawals included."""
        return f"{self._prefixes[partition]}feedback:audit".encode()
