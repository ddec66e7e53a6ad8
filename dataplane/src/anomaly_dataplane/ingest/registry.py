"""The wire protocols that there are, by their names in `spec.ingest.protocols`.

A new one is a parser, a dialect, its name in `contract/config.py` and the CRD, and a line here.
`app.py` builds them all: those that a pipeline leaves out answer 404 and say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from anomaly_dataplane.contract.config import IngestProtocol
from anomaly_dataplane.ingest import native_dialect
from anomaly_dataplane.ingest.influx import dialects as influx
from anomaly_dataplane.ingest.otlp import dialect as otlp
from anomaly_dataplane.ingest.protocol import Parts, WireProtocol
from anomaly_dataplane.ingest.remote_write import dialect as remote_write

PROTOCOLS: Mapping[IngestProtocol, Callable[[Parts], WireProtocol]] = {
    IngestProtocol.JSON: native_dialect.protocol,
    IngestProtocol.INFLUX_LINE: influx.protocol,
    IngestProtocol.PROMETHEUS_REMOTE_WRITE: remote_write.protocol,
    IngestProtocol.OTLP: otlp.protocol,
}
