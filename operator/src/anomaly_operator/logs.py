"""Log lines: JSON for machines or text for people, each with the pipeline it is about.

Set up by `__main__`. The pipeline comes from a context variable, so no call has to pass it on.
"""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple


class Subject(NamedTuple):
    """The pipeline in work."""

    namespace: str
    name: str
    uid: str = ""
    """Empty for one that is gone, or not known yet."""


pipeline_var: ContextVar[Subject | None] = ContextVar("pipeline", default=None)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        subject = pipeline_var.get()
        if subject is not None:
            line |= {field: value for field, value in subject._asdict().items() if value}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        subject = pipeline_var.get()
        about = f" [{subject.namespace}/{subject.name}]" if subject is not None else ""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        text = f"{moment} {record.levelname:7} {record.name}{about}: {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


def _is_news(record: logging.LogRecord) -> bool:
    """Not what kopf says at every change of any CRD: `optional` tells of what is missing."""
    return not record.getMessage().startswith("Unresolved resources cannot be served")


def configure(level: str, form: str) -> None:
    """Log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    if level != "DEBUG":
        # kopf tells of each watch and scan; ours are the lines that matter.
        logging.getLogger("kopf").setLevel(logging.WARNING)
        handler.addFilter(_is_news)
