"""Prometheus' text format, as far as tests ask it."""

from __future__ import annotations

import re

from anomaly_dataplane.contract.metrics import PREFIX

_LINE = re.compile(rf"^{PREFIX}([a-z_]+)(?:{{(.*)}})? (\S+)$", re.MULTILINE)


def metric_in(text: str, name: str, **labels: str) -> float:
    """The sum of a metric of ours over all series with these labels; 0 if there is none."""
    return sum(
        float(value)
        for found, shown, value in _LINE.findall(text)
        if found == name and all(f'{label}="{wanted}"' in shown for label, wanted in labels.items())
    )
