# Everything here runs on a machine that has python3 (3.11 or later, with venv) and make.
# What is installed goes into .venv, and anew whenever pyproject.toml changes.

PYTHON ?= python3
VENV := .venv
# Tests start hundreds of Pythons: where none may keep what it compiles, each compiles all of it.
export PYTHONDONTWRITEBYTECODE :=
# Always `python -m`: the scripts in .venv/bin name the place where the tree once was.
RUN := $(VENV)/bin/python -m
PIP := $(RUN) pip --disable-pip-version-check

# Tests that need no broker and no browser, and take a second or two at most.
QUICK := not kafka and not browser and not slow

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo check test coverage e2e compose image manifests links rules kafka faults fuzz sanitize lint format bench peers accuracy alerts dist requirements clean

help: ## List these targets
	@echo 'make TARGET [ARGS="…"] [PYTHON=python3.12]'
	@echo
	@sed -n 's/^\([a-z0-9]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

demo: $(VENV)/.installed-demo ## Show live shares of simulated traffic; ARGS="--speed 60"; Ctrl-C ends it
	@$(RUN) streams demo $(ARGS)

check: lint ## Check style and types, and run the tests that need no broker and no browser
	@$(RUN) pytest -m "$(QUICK)" --hypothesis-profile short $(ARGS)

test: $(VENV)/.installed-dev ## Run all tests; ARGS="-k pane" for some of them
	@$(RUN) pytest $(ARGS)

coverage: $(VENV)/.installed-dev ## Print by folder which branches the quick tests reach
	@$(RUN) pytest -m "$(QUICK)" --hypothesis-profile short --cov --cov-report= $(ARGS)
	@$(VENV)/bin/python tests/coverage_by_folder.py

e2e: $(VENV)/.installed-dev ## All at once: bridge, Kafka, workers, Prometheus, Alertmanager, Chromium
	@$(RUN) pytest -n0 tests/kafka/test_end_to_end.py $(ARGS)

compose: $(VENV)/.installed-dev ## Run the documented compose commands on a Docker engine
	@$(VENV)/bin/python tests/compose/run.py compose

image: $(VENV)/.installed-dev ## Build the image on a Docker engine, print its size, use it
	@$(VENV)/bin/python tests/compose/run.py image

manifests: $(VENV)/.installed-dev $(VENV)/bin/kustomize $(VENV)/bin/helm ## Build and compare kustomize example and Helm chart
	@$(RUN) pytest -n0 tests/deploy/test_kubernetes.py tests/deploy/test_helm.py $(ARGS)

links: $(VENV)/.installed-dev ## Set the addresses in alerts and dashboards; PAGE=https://… RUNBOOK=https://…
	@$(VENV)/bin/python tests/deploy/links.py $(if $(PAGE),--page '$(PAGE)') $(if $(RUNBOOK),--runbook '$(RUNBOOK)')
	@$(VENV)/bin/python tests/deploy/copies.py

rules: $(VENV)/.installed-dev ## Write rules and dashboards into PrometheusRules and Helm chart
	@$(VENV)/bin/python tests/deploy/copies.py

kafka: $(VENV)/.installed-dev ## Run Apache Kafka on port 9092, from its jars; Ctrl-C ends it
	@$(VENV)/bin/python tests/kafka/apache.py

faults: $(VENV)/.installed-dev ## Break workers and Kafka at random, compare each count; ROUNDS=50, ARGS=--list
	@$(VENV)/bin/python tests/faults/run.py --rounds $(or $(ROUNDS),4) $(if $(SEED),--seed $(SEED)) $(ARGS)

fuzz: $(VENV)/.installed-dev ## Break samples of every format, prompts, record batches; RUNS=1000000 BATCHES=100000 SEED=7
	@$(VENV)/bin/python tests/fuzz/decode.py --runs $(or $(RUNS),1000000) $(if $(SEED),--seed $(SEED)) $(ARGS)
	@$(VENV)/bin/python tests/fuzz/prompts.py --runs $(or $(RUNS),1000000) $(if $(SEED),--seed $(SEED)) $(ARGS)
	@$(VENV)/bin/python tests/fuzz/sanitize.py --runs $(or $(BATCHES),100000) $(if $(SEED),--seed $(SEED)) $(ARGS)

sanitize: $(VENV)/.installed-dev ## Read broken record batches under sanitizers; BATCHES=5000 SEED=7
	@$(VENV)/bin/python tests/fuzz/sanitize.py --runs $(or $(BATCHES),5000) $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: $(VENV)/.installed-dev ## Check style, layout and types
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy

format: $(VENV)/.installed-dev ## Format the code and apply automatic fixes
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

bench: $(VENV)/.installed-dev ## Measure events a second of CPU time, beside raw fetch and stock Faust
	@$(VENV)/bin/python tests/bench/run.py $(ARGS)
	@$(VENV)/bin/python tests/bench/by_format.py

peers: $(VENV)/.installed-dev ## Measure beside Kafka Streams and Flink on the same job; needs a JDK
	@$(VENV)/bin/python tests/bench/peers.py $(ARGS)

accuracy: $(VENV)/.installed-dev ## Measure how often origins and languages are classified right
	@$(VENV)/bin/python tests/accuracy/origins.py
	@$(VENV)/bin/python tests/accuracy/wrapped.py
	@$(VENV)/bin/python tests/accuracy/shares.py
	@$(VENV)/bin/python tests/accuracy/languages.py $(ARGS)

# Hashes of every file of a release: the image is built for more than one kind of processor.
COMPILE = $(RUN) uv pip compile --quiet --python-version 3.13 --only-binary :all: --generate-hashes \
  --no-annotate --no-emit-index-url --custom-compile-command 'make requirements' $(ARGS)
alerts: $(VENV)/.installed-dev ## Measure false and missed alerts on real shares and simulated traffic; ARGS="--seeds 7 8"
	@$(VENV)/bin/python tests/shifts/real_rates.py
	@$(VENV)/bin/python tests/shifts/mover_rates.py
	@$(VENV)/bin/python tests/shifts/rates.py $(ARGS)

requirements: $(VENV)/.installed-dev ## Write the versions that the image and tests/emitters install; ARGS=--upgrade
	@$(COMPILE) --extra language --output-file deploy/requirements.txt pyproject.toml
	@$(VENV)/bin/python -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  | $(COMPILE) --output-file deploy/requirements-build.txt -
	@$(RUN) uv pip compile --quiet --python-version 3.11 --only-binary :all: --no-annotate --no-emit-index-url \
	  --custom-compile-command 'make requirements' --group emitters --output-file tests/emitters/requirements.txt $(ARGS)

dist: $(VENV)/.installed-dev ## Build sdist and wheel into dist, check them, install the wheel in an empty environment
	@$(VENV)/bin/python tests/deploy/dist.py

clean: ## Remove .venv and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "tokenshare needs Python 3.11 or later, and there is no $(PYTHON) here." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "tokenshare needs Python 3.11 or later; $(PYTHON) is `$(PYTHON) -V 2>&1`." >&2; \
	  echo "With another one beside it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.installed-demo: pyproject.toml $(wildcard streams/*/*.pyx streams/*/*.pxi streams/*/*/*.pyx streams/*/*/*.pxi) $(VENV)/bin/python
	@echo 'Installing tokenshare with its demo into $(VENV); the first time takes a minute or so.'
	@$(PIP) install --quiet -e '.[demo,language]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(wildcard streams/*/*.pyx streams/*/*.pxi streams/*/*/*.pyx streams/*/*/*.pxi) $(VENV)/bin/python
	@echo 'Installing tokenshare with its development tools into $(VENV); the first time takes a minute or so.'
	@$(PIP) install --quiet -e '.[dev]'
	@touch $(VENV)/.installed-demo $@

# From their sources, with Go: packages of them fetch a binary from elsewhere.
$(VENV)/bin/kustomize: $(VENV)/bin/python
	@command -v go >/dev/null || { echo 'kustomize and Helm are built with Go, and there is no go here.' >&2; exit 1; }
	@GOBIN='$(abspath $(VENV)/bin)' go install -ldflags='-s -w' sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
	@touch $@

$(VENV)/bin/helm: $(VENV)/bin/python
	@command -v go >/dev/null || { echo 'kustomize and Helm are built with Go, and there is no go here.' >&2; exit 1; }
	@GOBIN='$(abspath $(VENV)/bin)' go install -ldflags='-s -w' helm.sh/helm/v3/cmd/helm@v3.19.0
	@touch $@
