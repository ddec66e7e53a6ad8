"""An example through the operator's own code, to the very document that its pod would get."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

import yaml

from anomaly_dataplane.contract import config, runtime
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_operator import spec
from anomaly_operator.desired.configmap import config_map
from anomaly_operator.errors import InvalidSpec
from anomaly_operator.settings import Settings
from demo.errors import DemoError
from demo.target import NAMESPACE


@dataclass(frozen=True, slots=True)
class Rendered:
    """The content of the ConfigMap that the operator would make, and what it says."""

    text: str
    config: PipelineConfig

    @property
    def in_words(self) -> str:
        """The detection that the pipeline does."""
        detection = self.config.detection
        return (
            f"{detection.method} over a window of {detection.window} samples, verdicts from "
            f"{detection.min_samples} on, an outlier lies beyond {detection.threshold:g} sigma"
        )


def render(example: Path) -> Rendered:
    """Render the one resource in a file as if it had just been created in the demo's namespace.

    Raises:
        DemoError: if it is no valid pipeline.
    """
    body = yaml.safe_load(example.read_text(encoding="utf-8"))
    # What the API server adds. The uid is new each time, so that a Redis that is there already
    # does not take the samples of an earlier run for these.
    stored = {"namespace": NAMESPACE, "uid": str(uuid.uuid4()), "generation": 1}
    try:
        pipeline = spec.parse({**body, "metadata": {**stored, **body["metadata"]}}, Settings())
    except InvalidSpec as error:
        raise DemoError(f"{example.name} is not valid: {error}") from None
    text: str = config_map(pipeline)["data"][runtime.CONFIG_FILE]
    return Rendered(text, config.parse_json(text))
