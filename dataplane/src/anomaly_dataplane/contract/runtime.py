"""Ports, paths and names by which operator, pod, chart and clients find each other."""

from __future__ import annotations

RELEASE = "0.1.0"
"""Of both packages. A constant, since asking for it costs a pod a megabyte of modules."""

HTTP_PORT = 8080
"""Ingest and queries; what the Service and the route point at."""
HTTP_PORT_NAME = "http"
ADMIN_PORT = 9090
"""Probes and metrics; never routed."""
ADMIN_PORT_NAME = "metrics"

PATH_INGEST = "/api/v1/ingest"
PATH_BACKFILL = "/api/v1/backfill"
PATH_REMOTE_WRITE = "/api/v1/write"
PATH_REMOTE_WRITE_PUSH = "/api/v1/push"
PATH_INFLUX_1 = "/write"
PATH_INFLUX_2 = "/api/v2/write"
PATH_INFLUX_3 = "/api/v3/write_lp"
PATH_INFLUX_PING = "/ping"
PATH_INFLUX_QUERY = "/query"
PATH_INFLUX_HEALTH = "/health"
PATH_INFLUX_READY = "/ready"
PATH_INFLUX_ALIAS = "/influx"
"""What VictoriaMetrics has before some of these."""
INFLUX_VERSION = "1.8.10"
"""That Influx clients are told: the last of those whose line protocol all of them speak."""
PATHS_OTLP = ("/v1/metrics", "/api/v1/otlp/v1/metrics", "/opentelemetry/v1/metrics")
"""The standard's path, and what Prometheus and VictoriaMetrics put before it."""
PATH_STATS = "/api/v1/stats"
PATH_ANOMALIES = "/api/v1/anomalies"
PATH_FEEDBACK = "/api/v1/anomalies/{id}/feedback"
PATH_ALERTS = "/api/v1/alerts"
PATH_STREAM = "/api/v1/stream"
PATH_SERIES = "/api/v1/series"
PATH_ONE_SERIES = "/api/v1/series/{id}"
PATH_EXPLAIN = "/api/v1/series/{id}/explain"
PATH_PAGE = "/"
PATH_OPENAPI = "/openapi.json"
PATH_LIVEZ = "/livez"
PATH_READYZ = "/readyz"
PATH_METRICS = "/metrics"

CONFIG_DIR = "/etc/anomaly-pipeline"
CONFIG_FILE = "pipeline.json"
CONFIG_PATH = f"{CONFIG_DIR}/{CONFIG_FILE}"

ENV_CONFIG = "ANOMALY_CONFIG"
ENV_STORE = "ANOMALY_STORE"
ENV_HTTP_PORT = "ANOMALY_HTTP_PORT"
ENV_ADMIN_PORT = "ANOMALY_ADMIN_PORT"
ENV_BIND = "ANOMALY_BIND"
ENV_LOG_FORMAT = "ANOMALY_LOG_FORMAT"
ENV_LOG_LEVEL = "ANOMALY_LOG_LEVEL"
ENV_DRAIN_SECONDS = "ANOMALY_DRAIN_SECONDS"
ENV_BODY_SECONDS = "ANOMALY_BODY_SECONDS"
ENV_HEADER_SECONDS = "ANOMALY_HEADER_SECONDS"
ENV_KEEPALIVE_SECONDS = "ANOMALY_KEEPALIVE_SECONDS"
ENV_MAX_CONNECTIONS = "ANOMALY_MAX_CONNECTIONS"
ENV_KERNELS = "ANOMALY_KERNELS"
ENV_REDIS = "ANOMALY_REDIS"
ENV_REDIS_USERNAME = "REDIS_USERNAME"
ENV_REDIS_PASSWORD = "REDIS_PASSWORD"  # noqa: S105  # the variable's name, not a password
ENV_REDIS_SECRET_DIR = "ANOMALY_REDIS_SECRET_DIR"  # noqa: S105  # the variable's name
ENV_TOKEN_SECRET_DIR = "ANOMALY_TOKEN_SECRET_DIR"  # noqa: S105  # the variable's name
ENV_MQTT_SECRET_DIR = "ANOMALY_MQTT_SECRET_DIR"  # noqa: S105  # the variable's name
ENV_POD_NAME = "ANOMALY_POD_NAME"
ENV_ALERTMANAGER_SECRET_DIR = "ANOMALY_ALERTMANAGER_SECRET_DIR"  # noqa: S105  # the variable's name
ENV_WEBHOOK_SECRET_DIR = "ANOMALY_WEBHOOK_SECRET_DIR"  # noqa: S105  # the variable's name

PURGE_CONFIG_VARIABLE = "ANOMALY_CONFIG_DOCUMENT"
"""The document itself, for `purge`, whose Job outlives the ConfigMap."""

WEBHOOK_SECRET_DIR = "/etc/anomaly-pipeline-webhooks"  # noqa: S105  # a folder for each webhook
ALERTMANAGER_SECRET_DIR = "/etc/anomaly-pipeline-alertmanager"  # noqa: S105  # where it is mounted
SECRET_KEY_TOKEN = "token"  # noqa: S105  # the key's name, not a token
SECRET_KEY_WEBHOOK = "secret"  # noqa: S105  # the key's name, not a secret

TOKEN_SECRET_DIR = "/etc/anomaly-pipeline-tokens"  # noqa: S105  # where the Secret is mounted
MQTT_SECRET_DIR = "/etc/anomaly-pipeline-mqtt"  # noqa: S105  # where the Secret is mounted
REDIS_SECRET_DIR = "/etc/anomaly-pipeline-redis"  # noqa: S105  # where the Secret is mounted
SECRET_KEY_USERNAME = "username"  # noqa: S105  # the key's name, not a password
SECRET_KEY_PASSWORD = "password"  # noqa: S105  # the key's name, not a password
SECRET_KEY_SENTINEL_USERNAME = "sentinel-username"  # noqa: S105  # the same
SECRET_KEY_SENTINEL_PASSWORD = "sentinel-password"  # noqa: S105  # the same
SECRET_KEY_CA = "ca.crt"  # noqa: S105  # the same
SECRET_KEY_CERTIFICATE = "tls.crt"  # noqa: S105  # the same
SECRET_KEY_PRIVATE_KEY = "tls.key"  # noqa: S105  # the same

RECEIVER_SECRET_KEYS = (
    SECRET_KEY_TOKEN,
    SECRET_KEY_USERNAME,
    SECRET_KEY_PASSWORD,
    SECRET_KEY_CA,
)
"""What is mounted of the Secret of a receiver of alerts, whatever else it holds."""

REDIS_PORT = 6379

DRAIN_SECONDS = 10
"""How long a pod that was told to stop goes on serving: its endpoint leaves the Service first."""
TERMINATION_GRACE_SECONDS = 40
"""The drain, the rest of the buffer (bounded by one Redis time-out), and room."""

RETRY_AFTER_SECONDS = 1
"""What a 503 tells clients to wait where another try may pass at once, at another pod or faster."""
RETRY_AFTER_TROUBLE_SECONDS = 3
"""The same while Redis is away or the buffer full. OpenTelemetry's SDKs try six times, as far apart
as they are told: with this a quarter of a minute passes before they give their samples up."""
