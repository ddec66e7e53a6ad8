"""The settings of one process: one table of name, variable, default, unit and meaning.

Read once, in `run.py`: flag before environment before default. What the pipeline does is not
here but in the config document.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.contract.config import HOST_PORT_PATTERN


class InvalidSettings(ValueError):
    """Settings that cannot be used; `errors` names every problem."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def _text(raw: str) -> str:
    return raw


def _choice(*words: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return raw.lower()

    return read


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def read(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", raw) or not minimum <= int(raw) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(raw)

    return read


def _addresses(raw: str) -> tuple[str, ...]:
    addresses = tuple(part.strip() for part in raw.split(",") if part.strip())
    if not all(re.fullmatch(HOST_PORT_PATTERN, address) for address in addresses):
        raise ValueError("must be HOST:PORT, several with commas between")
    return addresses


def _setting(
    env: str, read: Callable[[str], object], default: str, unit: str, help_text: str, flag: str = ""
) -> Any:
    metadata = {"env": env, "read": read, "unit": unit, "help": help_text, "flag": flag}
    return dataclasses.field(default_factory=lambda: read(default), metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs."""

    config: str = _setting(
        runtime.ENV_CONFIG,
        _text,
        runtime.CONFIG_PATH,
        "path",
        "The config document; watched for changes.",
        "--config",
    )
    store: str = _setting(
        runtime.ENV_STORE,
        _choice("redis", "memory"),
        "redis",
        "",
        "Where state lives. `memory` loses it with the process: for trials and tests.",
        "--store",
    )
    redis: tuple[str, ...] = _setting(
        runtime.ENV_REDIS,
        _addresses,
        "",
        "HOST:PORT,...",
        "Servers to use instead of those of the config document.",
        "--redis",
    )
    bind: str = _setting(
        runtime.ENV_BIND,
        _text,
        "",
        "address",
        "The address of both ports; empty for all addresses, IPv4 and IPv6.",
        "--bind",
    )
    http_port: int = _setting(
        runtime.ENV_HTTP_PORT,
        _whole(0, 65535),
        str(runtime.HTTP_PORT),
        "port",
        "Ingest and queries; 0 for any free port, which the log names.",
        "--http-port",
    )
    admin_port: int = _setting(
        runtime.ENV_ADMIN_PORT,
        _whole(0, 65535),
        str(runtime.ADMIN_PORT),
        "port",
        "Probes and metrics; 0 as above.",
        "--admin-port",
    )
    log_format: str = _setting(
        runtime.ENV_LOG_FORMAT,
        _choice("json", "text"),
        "json",
        "",
        "One JSON object a line, or text.",
    )
    log_level: str = _setting(
        runtime.ENV_LOG_LEVEL,
        _choice("debug", "info", "warning", "error"),
        "info",
        "",
        "The least important messages that are logged.",
    )
    drain_seconds: int = _setting(
        runtime.ENV_DRAIN_SECONDS,
        _whole(0, 600),
        str(runtime.DRAIN_SECONDS),
        "seconds",
        "How long the pod serves on after SIGTERM, until its endpoint has left the Service.",
    )
    body_seconds: int = _setting(
        runtime.ENV_BODY_SECONDS,
        _whole(1, 3600),
        "60",
        "seconds",
        "How long one request's body may take to arrive.",
    )
    header_seconds: int = _setting(
        runtime.ENV_HEADER_SECONDS,
        _whole(1, 3600),
        "30",
        "seconds",
        "How long a new connection may take to send its first request.",
    )
    keepalive_seconds: int = _setting(
        runtime.ENV_KEEPALIVE_SECONDS,
        _whole(1, 86400),
        # Longer than the hour after which Envoy drops an idle connection: were the pod to close it
        # first, a request on its way at that moment would be lost.
        "3630",
        "seconds",
        "How long an idle connection is kept for the next request.",
    )
    max_connections: int = _setting(
        runtime.ENV_MAX_CONNECTIONS,
        _whole(1, 1_000_000),
        "2000",
        "connections",
        "Open at once; beyond it new ones are closed. One costs about 10 KB.",
    )
    kernels: str = _setting(
        runtime.ENV_KERNELS,
        _choice("cython", "python"),
        "cython",
        "",
        "`python`: interpret the kernels' source, much slower, instead of running it compiled.",
    )
    redis_username: str = _setting(
        runtime.ENV_REDIS_USERNAME, _text, "", "", "ACL user of Redis; empty for the default user."
    )
    redis_password: str = dataclasses.field(
        default="",
        repr=False,
        metadata={
            "env": runtime.ENV_REDIS_PASSWORD,
            "read": _text,
            "unit": "",
            "help": "Password of Redis; empty for none.",
            "flag": "",
        },
    )
    redis_secret_dir: str = _setting(
        runtime.ENV_REDIS_SECRET_DIR,
        _text,
        "",
        "path",
        "A mounted Secret whose keys win over these two, and certificates for TLS.",
    )
    token_secret_dir: str = _setting(
        runtime.ENV_TOKEN_SECRET_DIR,
        _text,
        runtime.TOKEN_SECRET_DIR,
        "path",
        "The mounted Secret of tokens; looked at if `ingest.auth.tokenSecretRef` names one.",
    )
    mqtt_secret_dir: str = _setting(
        runtime.ENV_MQTT_SECRET_DIR,
        _text,
        "",
        "path",
        "A mounted Secret with credentials and certificates for the MQTT broker.",
    )
    alertmanager_secret_dir: str = _setting(
        runtime.ENV_ALERTMANAGER_SECRET_DIR,
        _text,
        runtime.ALERTMANAGER_SECRET_DIR,
        "path",
        "A mounted Secret with credentials and CA for Alertmanagers.",
    )
    webhook_secret_dir: str = _setting(
        runtime.ENV_WEBHOOK_SECRET_DIR,
        _text,
        runtime.WEBHOOK_SECRET_DIR,
        "path",
        "The Secrets of webhooks, each mounted in a folder of the webhook's name.",
    )
    pod_name: str = _setting(
        runtime.ENV_POD_NAME,
        _text,
        "",
        "",
        "This pod's name, a part of its MQTT client id; empty for the host's name.",
    )


def read_settings(environ: Mapping[str, str], flags: Mapping[str, str | None]) -> Settings:
    """Settings from flags (by field name) before environment before defaults.

    Raises:
        InvalidSettings: naming every flag or variable that cannot be used.
    """
    values: dict[str, object] = {}
    errors: list[str] = []
    for field in dataclasses.fields(Settings):
        env, flag = field.metadata["env"], field.metadata["flag"]
        source, raw = flag, flags.get(field.name)
        if raw is None:
            source, raw = env, environ.get(env)
        if raw is None:
            continue
        try:
            values[field.name] = field.metadata["read"](raw)
        except ValueError as error:
            errors.append(f"{source}: {error}, not {raw!r}")
    if errors:
        raise InvalidSettings(errors)
    return Settings(**values)  # type: ignore[arg-type]  # each was read by its own field's reader
