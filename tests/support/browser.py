"""A headless Chromium for tests of the live page, driven over the WebDriver protocol."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis_server import START_SECONDS, executable, free_port

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@dataclass(frozen=True)
class Browser:
    """One window."""

    base: str

    def open(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """What a function body returns in the page."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def press(self, key: str) -> None:
        """Press a key where the focus is, as a keyboard does."""
        codes = {"Enter": "\ue007", "Tab": "\ue004"}
        keys = [{"type": kind, "value": codes[key]} for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": keys}]})

    def resize(self, width: int, height: int) -> None:
        self._ask("POST", "/window/rect", {"width": width, "height": height})

    def dark(self, wanted: bool) -> None:
        """Have the page think that its reader prefers dark colours, or does not."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": [feature]}}
        self._ask("POST", "/goog/cdp/execute", command)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def complaints(self) -> list[str]:
        """What the page wrote to its console as an error, policy violations among them."""
        entries = self._ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        return _call(method, self.base + path, body)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a driver and a browser; end both whatever happens."""
    port = free_port()
    driver = subprocess.Popen(
        [executable("chromedriver"), f"--port={port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _until_ready(url)
        with tempfile.TemporaryDirectory() as profile:
            options = {
                "binary": executable("chromium", "google-chrome"),
                "args": [*_ARGUMENTS, f"--user-data-dir={profile}"],
            }
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            session = _call("POST", f"{url}/session", {"capabilities": {"alwaysMatch": wanted}})
            base = f"{url}/session/{session['sessionId']}"
            try:
                yield Browser(base)
            finally:
                _call("DELETE", base)
    finally:
        driver.terminate()
        driver.wait(60)


def _until_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if _call("GET", f"{url}/status")["ready"]:
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _call(method: str, url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=150) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error
