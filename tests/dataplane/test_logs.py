"""What the process logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from anomaly_dataplane.logs import configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_json_has_one_object_a_line() -> None:
    """Whatever is in the message, extras and traces included."""
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    logging.getLogger("x").info("two\nlines %s", 1, extra={"path": "/p"})
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], first["level"], first["path"]) == ("two\nlines 1", "info", "/p")
    assert first["time"].endswith("+00:00")
    assert "ValueError: broken" in second["exception"]


def test_text_is_for_people() -> None:
    """And the level leaves out what is less important."""
    stream = io.StringIO()
    configure_logging("text", "warning", stream)
    logging.getLogger("x").info("unimportant")
    logging.getLogger("x").warning("important")
    assert "WARNING x: important" in stream.getvalue()
    assert "unimportant" not in stream.getvalue()
