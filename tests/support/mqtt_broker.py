"""A real mosquitto for tests, and a publisher that waits until the broker has what it sends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from polling import PATIENCE
from redis_server import START_SECONDS, free_port

USERNAME, PASSWORD = "pod", "correct horse"


@dataclass
class Broker:
    """One mosquitto process of ours, whose sessions survive a restart.

    Attributes:
        secret: a folder with its ca.crt, tls.crt and tls.key, for TLS; None for a plain one.
        password_file: of who may connect; None for everybody.
        host: the address of this machine that it listens at.
    """

    port: int
    folder: Path
    secret: Path | None = None
    password_file: Path | None = None
    options: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """Start and wait until it listens."""
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(self._config()) + "\n")
        self.process = subprocess.Popen(
            [program("mosquitto"), "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"mosquitto did not start: {self.log()}")

    def stop(self) -> None:
        """Stop it as an init system does: it saves the sessions."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def log(self) -> str:
        path = self.folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _config(self) -> Iterator[str]:
        yield f"listener {self.port} {self.host}"
        yield f"persistence true\npersistence_location {self.folder}/"
        yield f"log_dest file {self.folder}/mosquitto.log\nlog_type all"
        yield "max_queued_messages 0"
        if os.geteuid() == 0:
            yield "user root"
        if self.secret is not None:
            yield f"cafile {self.secret}/ca.crt"
            yield f"certfile {self.secret}/tls.crt\nkeyfile {self.secret}/tls.key"
        if self.password_file is None:
            yield "allow_anonymous true"
        else:
            yield f"allow_anonymous false\npassword_file {self.password_file}"
        yield from self.options


def program(name: str) -> str:
    """A program of mosquitto's, which Debian puts where only root's PATH looks."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        raise RuntimeError(f"no {name} is installed: 'make test' does it, or apt-get install")
    return path


def password_file(path: Path) -> Path:
    """A file in which USERNAME has PASSWORD."""
    path.write_text(f"{USERNAME}:{PASSWORD}\n")
    path.chmod(0o600)
    subprocess.run([program("mosquitto_passwd"), "-U", str(path)], check=True)
    return path


@contextmanager
def mqtt_broker(
    *options: str,
    secret: Path | None = None,
    password_file: Path | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Broker]:
    """Run a broker while the body runs; `options` are further lines of its configuration."""
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(free_port(), Path(folder), secret, password_file, options, host)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()


class Publisher:
    """Publishes at QoS 1 and waits for the broker's word at the end."""

    def __init__(self, broker: Broker) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_inflight_messages_set(1000)
        if broker.secret is not None:
            self._client.tls_set(ca_certs=str(broker.secret / "ca.crt"))
        if broker.password_file is not None:
            self._client.username_pw_set(USERNAME, PASSWORD)
        self._broker = broker
        self._client.on_publish = self._on_publish
        self._sent = self._taken = 0

    def __enter__(self) -> Self:
        self._client.connect(self._broker.host, self._broker.port)
        self._client.loop_start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.wait()
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, payload: str | bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Publish, without waiting; what is sent while the broker is away goes out later."""
        self._client.publish(topic, payload, qos=qos, retain=retain)
        self._sent += 1

    @contextmanager
    def unconnected(self) -> Iterator[None]:
        """Do not connect anew, once the connection is lost, while the body runs."""
        over, reconnect = threading.Event(), self._client.reconnect

        def later() -> MQTTErrorCode:
            over.wait()
            return reconnect()

        self._client.reconnect = later  # type: ignore[method-assign]
        try:
            yield
        finally:
            self._client.reconnect = reconnect  # type: ignore[method-assign]
            over.set()

    def wait(self) -> None:
        """Wait until the broker has all of it."""
        deadline = time.monotonic() + PATIENCE
        while self._taken < self._sent:
            assert time.monotonic() < deadline, f"{self._sent - self._taken} were not taken"
            time.sleep(0.02)

    def _on_publish(self, *_: object) -> None:
        self._taken += 1
