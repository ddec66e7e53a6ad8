"""Serves the live page at `/`. Mounted by `app.py` if `page.enabled` asks for it.

The policy that goes with it lets nothing run but the script that is in the file, by its hash, so
that no text of a sender ever becomes code.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from aiohttp import hdrs, web

_FILE = Path(__file__).with_name("page.html")


def policy(page: str) -> str:
    """The Content-Security-Policy of a page with one style and one script of its own."""
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class PageHandler:
    """Answers with the page."""

    def __init__(self) -> None:
        page = _FILE.read_text(encoding="utf-8")
        self._body = page.encode()
        self._headers = {
            hdrs.CONTENT_TYPE: "text/html; charset=utf-8",
            hdrs.CACHE_CONTROL: "no-cache",
            "Content-Security-Policy": policy(page),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }

    async def handle(self, _: web.Request) -> web.Response:
        """Answer one request."""
        return web.Response(body=self._body, headers=self._headers)


async def to_page(request: web.Request) -> web.Response:
    """From the pipeline's prefix to the page, whose paths are relative to the slash at its end."""
    place = request.path.rpartition("/")[2] + "/"
    return web.Response(status=308, headers={hdrs.LOCATION: place})
