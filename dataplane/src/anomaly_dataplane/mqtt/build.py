"""From the config to the consumer of its broker. Used by `app.py`."""

from __future__ import annotations

import socket
from pathlib import Path

from anomaly_dataplane.buffer import Buffer
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.contract.topics import Template
from anomaly_dataplane.ingest.admission import admit
from anomaly_dataplane.mqtt.connection import Terms
from anomaly_dataplane.mqtt.consumer import Consumer
from anomaly_dataplane.mqtt.messages import MessageParser
from anomaly_dataplane.series import SeriesTable
from anomaly_dataplane.settings import Settings
from anomaly_dataplane.store.access import Access
from anomaly_dataplane.telemetry import Telemetry

PROTOCOL = "mqtt"
"""Of these samples, in metrics."""


def consumer(
    settings: Settings,
    config: PipelineConfig,
    series: SeriesTable,
    buffer: Buffer,
    telemetry: Telemetry,
) -> Consumer | None:
    """The consumer, not yet running; None without a broker."""
    limits = config.ingest
    mqtt = limits.mqtt
    if not mqtt.broker:
        return None
    host, _, port = mqtt.broker.rpartition(":")
    access = Access(
        None,
        None,
        tls=mqtt.tls.enabled,
        folder=Path(settings.mqtt_secret_dir) if settings.mqtt_secret_dir else None,
        field="ingest.mqtt.secretRef",
        needed=True,
    )
    uid = config.pipeline.uid
    group = mqtt.group or f"anomaly-{uid}"
    return Consumer(
        Terms(
            host,
            int(port),
            f"anomaly-{uid}-{settings.pod_name or socket.gethostname()}",
            mqtt.max_in_flight,
            limits.max_body_bytes,
            config.buffer.max_bytes,
            int(mqtt.session_expiry_seconds),
        ),
        [f"$share/{group}/{Template(topic).topic_filter}" for topic in mqtt.topics],
        access.login,
        MessageParser(series, mqtt.topics, limits.max_body_bytes, config.buffer.max_samples),
        lambda parsed, now_ms: admit(parsed, now_ms, limits.max_future_seconds),
        buffer,
        telemetry.protocol(PROTOCOL),
        telemetry.mqtt(mqtt.broker),
    )
