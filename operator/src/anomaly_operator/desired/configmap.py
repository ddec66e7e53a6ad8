"""The config document as the pods mount it."""

from __future__ import annotations

import json

from anomaly_dataplane.contract import config, runtime
from anomaly_operator import inventory, kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline


def config_map(pipeline: Pipeline) -> Manifest:
    """The ConfigMap with pipeline.json."""
    text = json.dumps(pipeline.document, indent=2, sort_keys=True) + "\n"
    return {
        **manifest(pipeline, kinds.CONFIG_MAP, names.config(pipeline.name), names.DATAPLANE),
        "data": {runtime.CONFIG_FILE: text},
    }


def restart_hash(pipeline: Pipeline) -> str:
    """Changes exactly when a change of the document needs new pods."""
    return inventory.digest(config.restart_relevant(pipeline.document))
