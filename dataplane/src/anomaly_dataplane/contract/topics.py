"""Topic templates: which MQTT topics are subscribed to, and what their levels mean.

`sensors/{site}/{device}/{metric}` subscribes to `sensors/+/+/+`; the level called `metric` names
the metric, the others are labels. `+` and a last `#` match as in MQTT and mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LEVEL = r"([^+#{}/$][^+#{}/]*|[+]|[{][a-zA-Z_][a-zA-Z0-9_]{0,63}[}])"
TOPIC_PATTERN = rf"^/?{_LEVEL}(/{_LEVEL})*(/#)?$"
"""Of a template. One that starts with `$`, as a broker's own topics do, is none."""

METRIC_LEVEL = "metric"
"""The name of the level that names the metric."""


class BadTemplate(ValueError):
    """A template that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic says of the samples of its messages.

    Attributes:
        metric: "" if no level names it; the message must, then.
        labels: by name.
    """

    metric: str
    labels: Mapping[str, str]


class Template:
    """One template.

    Attributes:
        text: as it was written.
        topic_filter: to subscribe to.
    """

    def __init__(self, text: str) -> None:
        """Read a template.

        Raises:
            BadTemplate: it is none, or names a level twice.
        """
        if not re.match(TOPIC_PATTERN, text):
            raise BadTemplate(
                "must be topic levels with slashes between: text, {name}, + or a last #, "
                f"such as sensors/{{site}}/{{device}}/{{metric}}, not {text!r}"
            )
        levels = text.split("/")
        names = [level[1:-1] if level.startswith("{") else "" for level in levels]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise BadTemplate(f"names {', '.join(twice)} twice: {text!r}")
        self.text = text
        self.topic_filter = "/".join(
            "+" if name else level for name, level in zip(names, levels, strict=True)
        )
        self._names = names
        parts = [_expression(name, level) for name, level in zip(names, levels, strict=True)]
        # `a/#` matches `a`, too, as MQTT has it.
        expression = "/".join(parts).replace("/(?:.*)", "(?:/.*)?")
        self._expression = re.compile(expression, re.DOTALL)

    def match(self, topic: str) -> Topic | None:
        """What a topic says, or None if it is not one of this template."""
        found = self._expression.fullmatch(topic)
        if found is None:
            return None
        labels = found.groupdict()
        metric = labels.pop(METRIC_LEVEL, "")
        return Topic(metric, labels)


def _expression(name: str, level: str) -> str:
    if name:
        return f"(?P<{name}>[^/]*)"
    if level == "+":
        return "[^/]*"
    return "(?:.*)" if level == "#" else re.escape(level)
