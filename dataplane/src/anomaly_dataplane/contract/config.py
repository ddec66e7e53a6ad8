"""The config document that the operator hands to the pods: fields, defaults, bounds, parsing.

The operator builds it with `document` and checks it with `parse`; the pod parses it again. Groups
carry the names of the CR's `spec`, so a detector option touches CRD, this file and its detector.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from anomaly_dataplane.contract.fields import (
    Boolean,
    Choice,
    ChoiceList,
    DecimalString,
    Duration,
    Expression,
    ExpressionMap,
    FieldError,
    Group,
    GroupList,
    Integer,
    InvalidConfig,
    Maybe,
    Moment,
    OptionalDecimalString,
    OptionalDuration,
    Text,
    TextList,
    TimeZone,
    declare,
    read_group,
)
from anomaly_dataplane.contract.topics import TOPIC_PATTERN, BadTemplate, Template

VERSION = 1
"""Of the document. A pod refuses a version that it does not know."""

MAX_PARTITIONS = 256
HOST_PORT_PATTERN = r"^[A-Za-z0-9._-]+:[0-9]{1,5}$"
SENTINEL_MASTER_PATTERN = r"^[A-Za-z0-9._-]{0,255}$"
OPTIONAL_HOST_PORT_PATTERN = r"^([A-Za-z0-9._-]+:[0-9]{1,5})?$"
MQTT_GROUP_PATTERN = r"^[A-Za-z0-9._-]{0,128}$"
SECRET_NAME_PATTERN = r"^[a-z0-9.-]{0,253}$"  # noqa: S105  # of names, not a password
URL_PATTERN = r"^https?://[A-Za-z0-9.\[\]:_-]+(/[^\s]*)?$"
OPTIONAL_URL_PATTERN = rf"({URL_PATTERN}|^$)"
RECEIVER_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?$"
LABEL_PATTERN = r"^[^\s]{0,128}$"
MAX_EXPRESSION = 1024
_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$"


class Direction(StrEnum):
    """The side of the mean on which a deviation counts."""

    BOTH = "Both"
    ABOVE = "Above"
    BELOW = "Below"


class Method(StrEnum):
    """What raises anomalies."""

    FUSED = "Fused"
    FUSED_LITE = "FusedLite"
    ZSCORE = "ZScore"
    JUMP = "Jump"
    LEVEL = "Level"
    SEASONAL = "Seasonal"
    VOLATILITY = "Volatility"
    RANGE = "Range"
    ROBUST_MAD = "RobustMAD"


class Transform(StrEnum):
    """What is done to values before they are scored."""

    AUTO = "Auto"  # Rate where a protocol says that the series is a counter, else None
    NONE = "None"
    DELTA = "Delta"
    RATE = "Rate"
    LOG1P = "Log1p"


class Sensitivity(StrEnum):
    """How much evidence a method wants before it raises an anomaly."""

    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


class IngestProtocol(StrEnum):
    """How samples may come in over HTTP."""

    JSON = "JSON"
    INFLUX_LINE = "InfluxLine"
    PROMETHEUS_REMOTE_WRITE = "PrometheusRemoteWrite"
    OTLP = "OTLP"


class MaintenanceMode(StrEnum):
    """What a maintenance window keeps from happening."""

    SUPPRESS = "Suppress"  # nobody is told
    DONT_LEARN = "DontLearn"  # nor is anything learnt


class RedisMode(StrEnum):
    """How Redis is reached. The CR's mode `Managed` reaches the pod as `Standalone`."""

    STANDALONE = "Standalone"
    SENTINEL = "Sentinel"
    CLUSTER = "Cluster"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A Secret of the pipeline's namespace, which the operator mounts."""

    name: str = declare(Text(SECRET_NAME_PATTERN, "credentials"), "")


@dataclass(frozen=True, slots=True)
class MqttTLS:
    """Encryption of the connection to the broker."""

    enabled: bool = declare(Boolean(), False)
    """The broker's certificate and host name are then checked; CA and keys come by Secret."""


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The MQTT broker whose messages are taken as samples; see `mqtt/`."""

    broker: str = declare(Text(OPTIONAL_HOST_PORT_PATTERN, "mosquitto.example:1883"), "")
    """Where it is; empty for none."""
    topics: tuple[str, ...] = declare(
        TextList(TOPIC_PATTERN, "sensors/{site}/{device}/{metric}"), []
    )
    """Templates: what to subscribe to, and which level is the metric or which label."""
    group: str = declare(Text(MQTT_GROUP_PATTERN, "boiler-room"), "")
    """Of the shared subscription, over which the pods divide the messages; empty for the name that
    follows from the pipeline's uid."""
    tls: MqttTLS = declare(Group(MqttTLS), {})
    secret_ref: SecretRef = declare(Group(SecretRef), {})
    """Credentials and certificates, mounted as files."""
    max_in_flight: int = declare(Integer(1, 65535), 500)
    """Messages that the broker may have sent a pod and not yet got acknowledged."""
    session_expiry_seconds: float = declare(Duration(0, 604800), "10m")
    """How long the broker keeps what a pod has not acknowledged after it has vanished."""


@dataclass(frozen=True, slots=True)
class Auth:
    """Who may send and ask."""

    token_secret_ref: SecretRef = declare(Group(SecretRef), {})
    """Every key of it is one valid token, mounted as a file; without a name everybody may."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Of requests that bring samples, for each token (for all together without tokens) and pod."""

    requests_per_second: int = declare(Integer(0, 1000000), 0)
    """0 for no limit."""
    burst: int = declare(Integer(0, 1000000), 0)
    """Requests that may come at once after a pause; 0 for those of one second."""


@dataclass(frozen=True, slots=True)
class Ingest:
    """What is taken in: how, and how much."""

    protocols: tuple[IngestProtocol, ...] = declare(
        ChoiceList(IngestProtocol), [protocol.value for protocol in IngestProtocol]
    )
    """What may be spoken; the paths of all others answer 404."""
    max_body_bytes: int = declare(Integer(1024, 67108864), 8388608)
    """Of one request, after decompression."""
    max_series: int = declare(Integer(1, 100000000), 50000)
    """Of the pipeline; samples of new ones beyond it are rejected, those that are there go on."""
    allowed_lateness_seconds: float = declare(Duration(0, 86400), "1m")
    """How far behind the newest sample of its series a sample may be and still count."""
    max_future_seconds: float = declare(Duration(0, 86400), "5m")
    """How far ahead of the pod's clock a timestamp may be; beyond it the sample is rejected."""
    auth: Auth = declare(Group(Auth), {})
    rate_limit: RateLimit = declare(Group(RateLimit), {})
    mqtt: Mqtt = declare(Group(Mqtt), {})
    fast_path: bool = declare(Boolean(), True)
    """Whether plain POSTs of samples are answered before aiohttp sees them; see `front/`."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bounds of what waits for a worker; beyond either, requests get 503 with Retry-After."""

    max_samples: int = declare(Integer(100, 1000000), 20000)
    max_bytes: int = declare(Integer(65536, 1073741824), 33554432)


@dataclass(frozen=True, slots=True)
class Workers:
    """The worker pool."""

    max_batch: int = declare(Integer(1, 2048), 512)
    """Samples that one commit takes at most; 512 block Redis for about 2 ms."""
    max_cache_bytes: int = declare(Integer(1048576, 1073741824), 37748736)
    """Memory for the blocks of series, taken as it is used: 10,000 series of the default window and
    method. Series beyond it are read from Redis again. Two groups of each lane always fit."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which series: regular expressions for the whole metric name and whole label values."""

    metric: str = declare(Expression(MAX_EXPRESSION), "")
    labels: Mapping[str, str] = declare(ExpressionMap(MAX_EXPRESSION), {})


@dataclass(frozen=True, slots=True)
class ValidRange:
    """What values can be at all; one outside is an anomaly by itself."""

    min: float | None = declare(OptionalDecimalString(-1e15, 1e15), "")
    max: float | None = declare(OptionalDecimalString(-1e15, 1e15), "")


_WINDOW = Integer(10, 2880)
_THRESHOLD = DecimalString(0.1, 1000)
_MIN_SAMPLES = Integer(2, 2880)
_MIN_ABS_DEVIATION = DecimalString(0, 1e15)
_MIN_REL_DEVIATION = DecimalString(0, 1000)
_SCORE = OptionalDecimalString(0.1, 1000)
_HOLD_OFF = Integer(0, 10000)
_REPEAT_AFTER = Integer(0, 100000)
_ACCEPT_AFTER = Integer(0, 100000)
_SILENCE = OptionalDuration(1, 30 * 86400)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings of detection that may be said again elsewhere; None leaves one as it is."""

    threshold: float | None = declare(Maybe(_THRESHOLD), None)
    min_samples: int | None = declare(Maybe(_MIN_SAMPLES), None)
    direction: Direction | None = declare(Maybe(Choice(Direction)), None)
    min_abs_deviation: float | None = declare(Maybe(_MIN_ABS_DEVIATION), None)
    min_rel_deviation: float | None = declare(Maybe(_MIN_REL_DEVIATION), None)
    sensitivity: Sensitivity | None = declare(Maybe(Choice(Sensitivity)), None)
    score: float | None = declare(Maybe(_SCORE), None)
    hold_off_samples: int | None = declare(Maybe(_HOLD_OFF), None)
    repeat_after_samples: int | None = declare(Maybe(_REPEAT_AFTER), None)
    accept_after_samples: int | None = declare(Maybe(_ACCEPT_AFTER), None)
    transform: Transform | None = declare(Maybe(Choice(Transform)), None)
    valid_range: ValidRange | None = declare(Maybe(Group(ValidRange)), None)
    stale_after_seconds: float | None = declare(Maybe(_SILENCE), None)
    gap_after_seconds: float | None = declare(Maybe(_SILENCE), None)


@dataclass(frozen=True, slots=True)
class Override(Tuning):
    """Settings of detection that differ for some series; what is left out stays as it is."""

    name: str = declare(Text(r"^[A-Za-z0-9._-]{0,63}$", "boilers"), "")
    """As events show it; empty for its place, such as `overrides[0]`."""
    match: Match = declare(Group(Match), {})


@dataclass(frozen=True, slots=True)
class Shadow(Tuning):
    """A second way of detection on the same samples; with nothing said there is none."""

    window: int | None = declare(Maybe(_WINDOW), None)
    method: Method | None = declare(Maybe(Choice(Method)), None)
    time_zone: str | None = declare(Maybe(TimeZone()), None)


@dataclass(frozen=True, slots=True)
class Detection:
    """How a sample is scored, and what makes an anomaly of it."""

    window: int = declare(_WINDOW, 120)
    """Samples of the sliding Z-score."""
    threshold: float = declare(_THRESHOLD, "2")
    """Sigma beyond which a sample is an outlier."""
    min_samples: int = declare(_MIN_SAMPLES, 30)
    """Samples a window must hold before any verdict."""
    direction: Direction = declare(Choice(Direction), "Both")
    min_abs_deviation: float = declare(_MIN_ABS_DEVIATION, "0")
    """Deviations from the mean smaller than this are never outliers."""
    min_rel_deviation: float = declare(_MIN_REL_DEVIATION, "0")
    """The same, as a share of the mean's magnitude."""
    method: Method = declare(Choice(Method), "Fused")
    sensitivity: Sensitivity = declare(Choice(Sensitivity), "Medium")
    """A preset of `score`."""
    score: float | None = declare(_SCORE, "")
    """The score that the method raises an anomaly at; None for that of `sensitivity`."""
    hold_off_samples: int = declare(_HOLD_OFF, 15)
    """Samples of silence right after an anomaly of the same series."""
    repeat_after_samples: int = declare(_REPEAT_AFTER, 240)
    """An episode that goes on is raised again after this many samples; 0: with every one."""
    accept_after_samples: int = declare(_ACCEPT_AFTER, 0)
    """An episode that lasts this long is over, as the new normal, and is not raised again before it
    was calm; 0: never."""
    transform: Transform = declare(Choice(Transform), "Auto")
    valid_range: ValidRange = declare(Group(ValidRange), {})
    """Of what is scored, before a Log1p."""
    stale_after_seconds: float | None = declare(_SILENCE, "")
    """A series silent for so long is an anomaly by itself; None: silence is none."""
    gap_after_seconds: float | None = declare(_SILENCE, "")
    """After a silence longer than this the window starts over; None: it goes on."""
    time_zone: str = declare(TimeZone(), "UTC")
    """That the time of day is meant in, which the season goes by."""
    overrides: tuple[Override, ...] = declare(GroupList(Override), [])
    """The first whose match holds counts for a series."""
    exclude: tuple[Match, ...] = declare(GroupList(Match), [])
    """Series that are taken and never scored."""
    shadow: Shadow = declare(Group(Shadow), {})
    """Its findings go into metrics and nowhere else."""


@dataclass(frozen=True, slots=True)
class ReceiverTLS:
    """How the certificates of receivers are looked at."""

    insecure_skip_verify: bool = declare(Boolean(), False)
    """Whether any certificate will do."""


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Alertmanagers that hear of every alert, each of them."""

    urls: tuple[str, ...] = declare(TextList(URL_PATTERN, "http://alertmanager:9093"), [])
    secret_ref: SecretRef = declare(Group(SecretRef), {})
    """Credentials and CA, mounted as files."""
    tls: ReceiverTLS = declare(Group(ReceiverTLS), {})
    resend_delay_seconds: float = declare(Duration(1, 3600), "1m")
    """Between two times that an open alert is sent; without a word for four times as long, an
    Alertmanager takes it to be resolved."""
    group_wait_seconds: float = declare(Duration(0, 600), "30s")
    """The `group_wait` of their routes: an alert fires for longer than that, however short its
    trouble was."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of every notice, as JSON."""

    name: str = declare(Text(RECEIVER_PATTERN, "on-call"), "webhook")
    url: str = declare(Text(URL_PATTERN, "https://example.com/hook"), "http://localhost")
    secret_ref: SecretRef = declare(Group(SecretRef), {})
    """Credentials, CA, and the key `secret` that signs what is sent; mounted as files."""
    tls: ReceiverTLS = declare(Group(ReceiverTLS), {})


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A span of time in which nobody wants to hear of some series."""

    name: str = declare(Text(RECEIVER_PATTERN, "weekly-service"), "window")
    start: float = declare(Moment(), "1970-01-01T00:00:00Z")
    duration_seconds: float = declare(Duration(1, 366 * 86400), "1h")
    every_seconds: float = declare(Duration(0, 366 * 86400), "0s")
    """From one start to the next; 0 for a window that comes once."""
    match: Match = declare(Group(Match), {})
    mode: MaintenanceMode = declare(Choice(MaintenanceMode), "Suppress")


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """When many series in trouble are one alert."""

    by: str = declare(Text(LABEL_PATTERN, "device"), "device")
    """Series with one value of this label are a group; empty: no groups."""
    percent: int = declare(Integer(1, 100), 50)
    """Of a group's series that must be in trouble at once."""
    min_series: int = declare(Integer(2, 100000), 5)
    """How many these must be at least."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """Who hears of anomalies, and how often."""

    min_consecutive: int = declare(Integer(1, 20), 1)
    """How many of the last `of` samples must reach the score before an anomaly is raised."""
    of: int = declare(Integer(1, 20), 1)
    alertmanager: Alertmanager = declare(Group(Alertmanager), {})
    webhooks: tuple[Webhook, ...] = declare(GroupList(Webhook, "name"), [])
    cool_down_seconds: float = declare(Duration(0, 7 * 86400), "5m")
    """Between two notices of one series and side; a resolve never waits."""
    resolve_after_seconds: float = declare(Duration(1, 30 * 86400), "24h")
    """An alert without an anomaly for so long is resolved, if it has not recovered before."""
    retry_for_seconds: float = declare(Duration(1, 7 * 86400), "1h")
    """How long a webhook is tried again before a notice goes to the dead letters."""
    group: AlertGroup = declare(Group(AlertGroup), {})
    maintenance: tuple[MaintenanceWindow, ...] = declare(GroupList(MaintenanceWindow, "name"), [])


@dataclass(frozen=True, slots=True)
class Page:
    """The live page at the root of the pipeline's address."""

    enabled: bool = declare(Boolean(), True)


@dataclass(frozen=True, slots=True)
class RedisTLS:
    """Encryption of every connection to Redis, Sentinels included."""

    enabled: bool = declare(Boolean(), False)
    """The server's certificate and host name are then checked; CA and keys come by Secret."""


@dataclass(frozen=True, slots=True)
class Redis:
    """Where state lives. Credentials come by Secret, never by this document."""

    mode: RedisMode = declare(Choice(RedisMode), "Standalone")
    urls: tuple[str, ...] = declare(TextList(HOST_PORT_PATTERN, "redis.example:6379"), [])
    """The server, the Sentinels, or one or more nodes of the Cluster."""
    sentinel_master: str = declare(Text(SENTINEL_MASTER_PATTERN, "mymaster"), "")
    """The name under which Sentinel watches the primary."""
    tls: RedisTLS = declare(Group(RedisTLS), {})
    partitions: int = declare(Integer(1, MAX_PARTITIONS), 4)
    """Hash tags that the series spread over. Immutable: it decides where a series lives."""
    min_replicas_to_write: int = declare(Integer(0, 5), 0)
    """How many replicas must have a sample before its sender is told that it is in."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which pipeline this is. `uid` prefixes every Redis key, so a namesake starts afresh."""

    namespace: str = declare(Text(_ID_PATTERN, "default"), "default")
    name: str = declare(Text(_ID_PATTERN, "boiler-room"), "pipeline")
    uid: str = declare(Text(_ID_PATTERN, "5f3c..."), "local")


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """Everything a pod needs to know, secrets aside."""

    version: int = declare(Integer(1, 1), VERSION)
    pipeline: Identity = declare(Group(Identity), {})
    base_path: str = declare(Text(r"^(/[A-Za-z0-9._~-]+)*$", "/default/boiler-room"), "")
    """Prefix under which the ingress sends requests; the pod serves with and without it."""
    public_url: str = declare(Text(OPTIONAL_URL_PATTERN, "https://example.com/boiler-room"), "")
    """Where people reach the pipeline, for links to it; empty where that is not known."""
    ingest: Ingest = declare(Group(Ingest), {})
    buffer: Buffer = declare(Group(Buffer), {})
    workers: Workers = declare(Group(Workers), {})
    detection: Detection = declare(Group(Detection), {})
    alerting: Alerting = declare(Group(Alerting), {})
    page: Page = declare(Group(Page), {})
    redis: Redis = declare(Group(Redis), {})


HOT_FIELDS = (
    frozenset({"publicUrl"})
    | frozenset(
        f"detection.{name}"
        for name in (
            "threshold",
            "direction",
            "minSamples",
            "minAbsDeviation",
            "minRelDeviation",
            "sensitivity",
            "score",
            "holdOffSamples",
            "repeatAfterSamples",
            "acceptAfterSamples",
            "transform",
            "validRange",
            "validRange.min",
            "validRange.max",
            "staleAfter",
            "gapAfter",
            "overrides",
            "exclude",
        )
    )
    | frozenset(
        f"alerting.{name}"
        for name in (
            "minConsecutive",
            "of",
            "coolDown",
            "resolveAfter",
            "retryFor",
            "maintenance",
            "group",
            *("group.by", "group.percent", "group.minSeries"),
        )
    )
)
"""What a running pod picks up from a changed document; any other change needs a new pod."""


def parse(raw: object) -> PipelineConfig:
    """Read a config document.

    Raises:
        InvalidConfig: naming every field that cannot be used.
    """
    config = read_group(PipelineConfig, raw, "")
    errors = []
    if config.detection.min_samples > config.detection.window:
        errors.append(
            FieldError(
                "detection.minSamples",
                f"must be at most detection.window ({config.detection.window}), "
                f"not {config.detection.min_samples}",
            )
        )
    errors += _of_mqtt(config.ingest.mqtt)
    errors += _of_ranges(config.detection)
    if config.alerting.min_consecutive > config.alerting.of:
        errors.append(
            FieldError(
                "alerting.minConsecutive",
                f"must be at most alerting.of ({config.alerting.of}), "
                f"not {config.alerting.min_consecutive}",
            )
        )
    sentinel = config.redis.mode is RedisMode.SENTINEL
    if sentinel and not config.redis.sentinel_master:
        errors.append(
            FieldError(
                "redis.sentinelMaster",
                "is required with mode Sentinel: the name of the primary that the Sentinels watch, "
                "often mymaster",
            )
        )
    if config.redis.sentinel_master and not sentinel:
        errors.append(FieldError("redis.sentinelMaster", "must be empty unless mode is Sentinel"))
    if errors:
        raise InvalidConfig(errors)
    return config


def _of_ranges(detection: Detection) -> Iterator[FieldError]:
    ranges = {"detection.validRange": detection.valid_range}
    for i, override in enumerate(detection.overrides):
        if override.valid_range is not None:
            ranges[f"detection.overrides[{i}].validRange"] = override.valid_range
        if (override.min_samples or 0) > detection.window:
            yield FieldError(
                f"detection.overrides[{i}].minSamples",
                f"must be at most detection.window ({detection.window})",
            )
    tried = shadowed(detection)
    if tried is not None and tried.min_samples > tried.window:
        yield FieldError(
            "detection.shadow.minSamples",
            f"must be at most the window of the shadow ({tried.window}), not {tried.min_samples}",
        )
    if detection.shadow.valid_range is not None:
        ranges["detection.shadow.validRange"] = detection.shadow.valid_range
    for path, valid in ranges.items():
        if valid.min is not None and valid.max is not None and valid.min > valid.max:
            yield FieldError(path, f"min must be at most max ({valid.max:g}), not {valid.min:g}")


def _of_mqtt(mqtt: Mqtt) -> Iterator[FieldError]:
    if bool(mqtt.broker) != bool(mqtt.topics):
        yield FieldError(
            "ingest.mqtt.topics",
            "is required with a broker, and must be empty without: what to subscribe to, such as "
            "sensors/{site}/{device}/{metric}",
        )
    for i, topic in enumerate(mqtt.topics):
        try:
            Template(topic)
        except BadTemplate as error:
            yield FieldError(f"ingest.mqtt.topics[{i}]", str(error))


def shadowed(detection: Detection) -> Detection | None:
    """The detection that `shadow` describes, None if it says nothing."""
    said = {
        field.name: value
        for field in dataclasses.fields(Shadow)
        if (value := getattr(detection.shadow, field.name)) is not None
    }
    return dataclasses.replace(detection, **said, shadow=Shadow()) if said else None


def parse_json(text: str | bytes, name: str = "document") -> PipelineConfig:
    """Read a config document from JSON text; an error calls it by `name`.

    Raises:
        InvalidConfig: if it is not JSON, or as `parse` does.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise InvalidConfig([FieldError(name, f"is not JSON: {error}")]) from None
    return parse(raw)


def document(
    identity: Mapping[str, str], base_path: str, groups: Mapping[str, object]
) -> dict[str, object]:
    """The document for a pipeline, from the groups of its spec that the pods honour.

    Args:
        identity: `namespace`, `name` and `uid` of the CR.
        base_path: what the route puts before every path, "" for nothing.
        groups: by name, each as the CR has it; groups of no interest to the pods are refused.
    """
    known = {field.name for field in dataclasses.fields(PipelineConfig)}
    unknown = set(groups) - known
    if unknown:
        raise ValueError(f"not groups of the config document: {sorted(unknown)}")
    return {"version": VERSION, "pipeline": dict(identity), "basePath": base_path, **groups}


def restart_relevant(raw: Mapping[str, object]) -> dict[str, object]:
    """The part of a document that needs a new pod when it changes, for hashing."""
    kept: dict[str, object] = {}
    for group, value in raw.items():
        if isinstance(value, Mapping):
            kept[group] = {k: v for k, v in value.items() if f"{group}.{k}" not in HOT_FIELDS}
        elif group not in HOT_FIELDS:
            kept[group] = value
    return kept
