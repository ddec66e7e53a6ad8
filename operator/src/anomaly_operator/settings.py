"""The operator's own settings: one table, read once from the environment by `__main__`.

Documented in docs/settings.md; a test keeps page and table equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_operator import __version__

PREFIX = "ANOMALY_OPERATOR_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator was told by its environment."""

    watch_namespaces: tuple[str, ...] = ()
    namespace: str = ""
    instance: str = ""
    lease: str = ""
    lease_seconds: int = 10
    dataplane_image: str = f"anomaly-pipeline/dataplane:{__version__}"
    redis_image: str = "redis:8.0"
    endpoint_ports: tuple[tuple[int, int], ...] = ()
    runbook_url: str = ""
    log_level: str = "INFO"
    log_format: str = "json"
    http_port: int = 8080
    bind: str = "0.0.0.0"  # noqa: S104  # probes and Prometheus come from other hosts
    resync_seconds: int = 300
    stats_seconds: int = 30
    workers: int = 10
    api_timeout_seconds: int = 30
    deaf_seconds: int = 120
    purge_seconds: int = 300


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the variable is `PREFIX` and the field's name in capitals."""

    field: str
    read: Callable[[str], Any]
    help: str

    @property
    def env(self) -> str:
        return PREFIX + self.field.upper()


class InvalidSettings(ValueError):
    """Variables that cannot be used; the message names every one of them."""


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.strip().isdigit() or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return read


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        for word in allowed:
            if word.lower() == text.strip().lower():
                return word
        raise ValueError(f"must be one of {', '.join(allowed)}")

    return read


def _image(text: str) -> str:
    if not re.fullmatch(r"\S+", text):
        raise ValueError("must be an image reference such as registry.example/name:tag")
    return text


def _ports(text: str) -> tuple[tuple[int, int], ...]:
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,5})=([0-9]{1,5})", part.strip())
        if match is None or not all(1 <= int(port) <= 65535 for port in match.groups()):
            raise ValueError("must be pairs of ports such as 80=30080,443=30443")
        found.append((int(match[1]), int(match[2])))
    return tuple(found)


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s#]+", text):
        raise ValueError("must be a URL such as https://wiki.example/anomaly-pipeline")
    return text


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text):
        raise ValueError("is not the name of a namespace")
    return text


def _instance(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", text):
        raise ValueError("is not the value of a label")
    return text


def _lease(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251})", text):
        raise ValueError("must be namespace/name")
    return text


def _namespaces(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for namespace in found:
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", namespace):
            raise ValueError(f"{namespace!r} is not the name of a namespace")
    return found


def _host(text: str) -> str:
    return text.strip()


TABLE = (
    Setting(
        "watch_namespaces",
        _namespaces,
        "Namespaces to serve, separated by commas. Empty: the whole cluster. With a list the "
        "operator needs only a Role in each of them.",
    ),
    Setting(
        "namespace",
        _namespace,
        "The namespace that the operator itself runs in: NetworkPolicies of pipelines let it in.",
    ),
    Setting(
        "instance",
        _instance,
        "Serve only pipelines with the label `anomalypipeline.io/instance` of this value. Empty: "
        "only those without the label.",
    ),
    Setting(
        "lease",
        _lease,
        "The Lease, as namespace/name, that decides which of several replicas acts; the others "
        "stand by. Empty: this one acts at once.",
    ),
    Setting(
        "lease_seconds",
        _whole(3, 300),
        "How long the replicas that stand by wait for a holder of the Lease that is silent.",
    ),
    Setting("dataplane_image", _image, "Image of the pipeline's pods where `spec.image` is empty."),
    Setting(
        "redis_image",
        _image,
        "Image of the managed Redis where `spec.redis.managed.image` is empty.",
    ),
    Setting(
        "endpoint_ports",
        _ports,
        "Where senders reach routes on another port than the one that Ingress or Gateway say, as "
        "behind a NodePort: pairs such as `80=30080,443=30443`. Only status.endpoint shows it.",
    ),
    Setting(
        "runbook_url",
        _url,
        "The page that alerts link to, each with its own name as the fragment: your copy of "
        "docs/runbook.md. Empty: they link to nothing.",
    ),
    Setting("log_level", _choice("DEBUG", "INFO", "WARNING", "ERROR"), "Least severe level shown."),
    Setting(
        "log_format", _choice("json", "text"), "`json`: one object a line; `text`: for people."
    ),
    Setting("http_port", _whole(1, 65535), "Port of /livez, /readyz and /metrics."),
    Setting("bind", _host, "Address that the port is bound to."),
    Setting(
        "resync_seconds",
        _whole(10, 86400),
        "How often everything is listed anew, as a net under the watches (jittered by 10 %).",
    ),
    Setting(
        "stats_seconds",
        _whole(5, 3600),
        "How often each pipeline is visited and asked for its figures (jittered by 10 %).",
    ),
    Setting("workers", _whole(1, 100), "Pipelines reconciled at the same time."),
    Setting(
        "api_timeout_seconds", _whole(1, 300), "Longest wait for one answer of the API server."
    ),
    Setting(
        "deaf_seconds",
        _whole(30, 3600),
        "How long a change may go unseen by the watch before /livez fails.",
    ),
    Setting(
        "purge_seconds",
        _whole(5, 86400),
        "How long a deletion waits for pods to stop, and again for its purge (`deletionPolicy`).",
    ),
)


def read(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as absent.

    Raises:
        InvalidSettings: naming every variable that cannot be used, unknown ones among them.
    """
    values: dict[str, Any] = {}
    problems = []
    for setting in TABLE:
        text = environ.get(setting.env, "")
        if not text:
            continue
        try:
            values[setting.field] = setting.read(text)
        except ValueError as error:
            problems.append(f"{setting.env}={text!r}: {error}")
    known = {setting.env for setting in TABLE}
    problems += [
        f"{name}: unknown setting"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]
    if problems:
        raise InvalidSettings("; ".join(problems))
    return Settings(**values)
