# The commands of this project. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Whatever is built or downloaded lives here, outside the checkout.
export ANOMALY_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/anomaly-pipeline
UV := $(ANOMALY_CACHE)/uv/bin/uv
# Registries have hiccups, and busy machines are slow.
export UV_HTTP_RETRIES ?= 8
export UV_HTTP_TIMEOUT ?= 120
RUN := $(UV) run --frozen --all-packages --all-groups
# Most tests wait for real servers most of the time, so more of them run at once than there are cores. A file's tests
# stay together: they share what it starts.
PARALLEL ?= -n 3 --dist loadfile
# The files of tests/e2e wait for pods most of the time; each has a namespace of its own.
SIDE_BY_SIDE ?= -n 3 --dist loadfile --no-loadscope-reorder
DEVCLUSTER := PYTHONPATH=hack $(RUN) python -m devcluster

# More words for `make demo` and `make bench`, such as ARGS=--keep or ARGS="--only W1,W2".
ARGS ?=
# Which cluster: auto, kind, local (upstream Kubernetes as host processes), or current.
CLUSTER ?= auto
FILE ?= examples/minimal.yaml

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install the tools and both packages, pinned, into .venv
	@hack/bootstrap $(ANOMALY_CACHE)
	@$(UV) sync --quiet --frozen --all-packages --all-groups

.PHONY: demo
demo: setup ## Replay real data through a pipeline and show what it finds (CLUSTER=local: on Kubernetes)
	@$(RUN) python -m demo $(if $(filter-out auto,$(CLUSTER)),--cluster $(CLUSTER)) $(ARGS)

.PHONY: check
check: setup ## Format, lint, types, import rules
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

.PHONY: unit
unit: setup ## Everything that needs no cluster, real Redis and broker included
	@hack/ensure-redis
	@hack/ensure-mosquitto
	@hack/ensure-alertmanager
	@hack/ensure-chromium
	@$(DEVCLUSTER) clients
	$(RUN) pytest $(PARALLEL) -m "not e2e and not devcluster and not senders and not apiserver"
	ANOMALY_KERNELS=python $(RUN) pytest $(PARALLEL) tests/dataplane/detectors tests/dataplane/state tests/dataplane/ingest/{influx,otlp,remote_write,test_native.py}

.PHONY: senders
senders: setup ## Real senders (Telegraf and the like, built once) through outages of pod and Redis
	@hack/ensure-redis
	@hack/ensure-mosquitto
	@$(DEVCLUSTER) senders
	$(RUN) pytest $(PARALLEL) -m senders

.PHONY: api-server
api-server: setup ## The operator against a real kube-apiserver without nodes, built once
	@$(DEVCLUSTER) api-server
	@$(DEVCLUSTER) clients
	$(RUN) pytest $(PARALLEL) -m apiserver

.PHONY: fuzz
fuzz: setup ## Ten million generated inputs through every parser (10 minutes; ARGS="--inputs 100000")
	@PYTHONPATH=hack $(RUN) python -m fuzz $(ARGS)

.PHONY: properties
properties: setup ## Look for new examples that break a property (a nightly; `make unit` tries the same ones each time)
	@hack/ensure-redis
	$(RUN) pytest $(PARALLEL) -m hypothesis --hypothesis-profile search $(ARGS)

.PHONY: fuzz-guided
fuzz-guided: setup ## The same, guided by coverage with Atheris, a minute a protocol (ARGS="--seconds 600 --only otlp")
	@PYTHONPATH=hack $(RUN) --with atheris==3.0.0 python -m fuzz.guided $(ARGS)

.PHONY: e2e
e2e: cluster images ## End to end, on the cluster
	@hack/ensure-mosquitto
	@failed=0; set -x; \
	$(RUN) pytest $(SIDE_BY_SIDE) -m "e2e and not alone" tests/e2e || failed=1; \
	$(RUN) pytest -m "e2e and alone" tests/e2e || failed=1; \
	exit $$failed

.PHONY: cluster-test
cluster-test: setup ## Whether cluster-down leaves nothing behind (root, no cluster up, 2 minutes)
	$(RUN) pytest -m devcluster

.PHONY: test
test: check unit senders api-server e2e ## Every test there is

.PHONY: fmt
fmt: setup ## Mend what can be mended
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

.PHONY: protobuf
protobuf: setup ## Make Python of the .proto files anew, after a change of one
	@$(RUN) hack/generate-protobuf

.PHONY: bench
bench: setup ## Measure what a sample costs, against a Go service (15 minutes; ARGS="--only W1,W2")
	@hack/ensure-redis
	@PYTHONPATH=hack $(RUN) python -m bench $(ARGS)

.PHONY: bench-quick
bench-quick: ## The same in one short round: whether it works, not what it costs
	@$(MAKE) --no-print-directory bench ARGS="--rounds 1 --seconds 1 --series 2000 $(ARGS)"

.PHONY: bench-ingest
bench-ingest: setup ## Measure each protocol: its parser alone, and the whole path beside a Go service (4 minutes)
	@hack/ensure-redis
	@PYTHONPATH=hack $(RUN) python -m bench.ingest $(ARGS)

.PHONY: bench-detection
bench-detection: setup ## Measure what detection finds: NAB=<folder with data/ and labels/>, ARGS="--seeds 1 2 3"
	@$(RUN) python -m bench.detection $(if $(NAB),--nab "$(NAB)") $(ARGS)

.PHONY: bench-operator
bench-operator: setup ## A thousand pipelines on a real kube-apiserver: requests, delays, memory
	@$(DEVCLUSTER) api-server
	@PYTHONPATH=hack:tests/support $(RUN) python -m bench.operator_scale $(ARGS)

.PHONY: token-soak
token-soak: setup ## The operator over an hour of tokens that really expire (root; ARGS="--minutes 30")
	@$(DEVCLUSTER) api-server
	@PYTHONPATH=hack:tests/support $(RUN) python -m bench.token_soak $(ARGS)

.PHONY: capacity
capacity: setup ## What it takes to carry a load (ARGS="--series 100000 --interval 10s"; docs/scale.md)
	@$(RUN) python -m bench.capacity $(ARGS)

.PHONY: render
render: setup ## Print the objects that FILE becomes, without a cluster
	@$(RUN) anomaly-operator render $(FILE)

.PHONY: dist
dist: setup ## Write dist/: the packed chart, and manifests for kubectl apply without Helm
	@$(DEVCLUSTER) dist

.PHONY: api-reference
api-reference: setup ## Write docs/api-reference.md anew from the CRD
	@$(RUN) python hack/api_reference.py

.PHONY: cluster
cluster: setup ## Bring a cluster up and print how to reach it (CLUSTER=kind, local, current)
	@$(DEVCLUSTER) up --provider $(CLUSTER)

.PHONY: images
images: setup ## Build both images and load them into the cluster
	@$(DEVCLUSTER) images

.PHONY: cluster-status
cluster-status: setup ## Say what runs and where its logs are
	@$(DEVCLUSTER) status

.PHONY: cluster-down
cluster-down: setup ## Take the cluster away and leave nothing behind
	@$(DEVCLUSTER) down
