# make serve: everything, from nothing to a running grader.    make test: everything, from nothing to green.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help serve test check bench bench-autorubric check-seed dashboards lock clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

serve: $(VENV)/.runtime  ## set up, fetch the weights once, and serve on http://127.0.0.1:8000
	$(BIN)/grader serve

test: $(VENV)/.dev $(VENV)/.prometheus  ## set up, fetch the weights once, and run every test
	$(BIN)/grader models fetch
	$(BIN)/python -m pytest

check: $(VENV)/.dev  ## ruff, mypy, import-linter, the rubrics, the prompts' digests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/grader rubrics lint
	$(BIN)/python -m bench.prompt_digests --check

bench: $(VENV)/.dev $(VENV)/.prometheus .venv-autorubric/.ready  ## the figures of docs/measurements.md, measured here and now (half an hour)
	$(BIN)/grader models fetch
	-$(BIN)/python -m bench.warm --seconds 5 --rounds 5
	-$(BIN)/python -m bench.cold
	-$(BIN)/python -m bench.throughput
	-$(BIN)/python -m bench.frugal
	-$(BIN)/python -m bench.once
	-$(BIN)/python -m bench.startup
	-$(BIN)/python -m bench.faults
	-$(BIN)/python -m bench.soak --streams
	-$(BIN)/python -m bench.observed
	-$(BIN)/python -m bench.traced
	-$(BIN)/python -m bench.observed
	$(BIN)/python -m bench.grades
	$(BIN)/python -m bench.replies
	$(BIN)/python -m bench.prompt_tokens

bench-autorubric: $(VENV)/.dev .venv-autorubric/.ready  ## our judges against AutoRubric: same answers, model and server; resumable
	$(BIN)/python -m bench.autorubric --answers 24
	$(BIN)/python -m bench.autorubric --answers 8 --mode default --only autorubric
	$(BIN)/python -m bench.autorubric --only report

dashboards: $(VENV)/.dev  ## write ops/grafana/dashboards/ anew from ops/dashboards/
	$(BIN)/python -m ops.dashboards

check-seed: $(VENV)/.runtime  ## PAGE=…: import a page of questions, and look for its wording in rubrics/
	$(BIN)/grader rubrics import $(PAGE) --dry-run
	$(BIN)/grader rubrics lint --against $(PAGE)

lock: $(VENV)/.dev  ## resolve pyproject.toml anew into requirements*.txt: exact versions and hashes, no addresses
	$(PIP) install --quiet pip-tools==7.6.2
	$(BIN)/pip-compile $(LOCK) --extra traces --output-file requirements.txt pyproject.toml
	$(BIN)/pip-compile $(LOCK) --extra dev --extra evals --extra traces --output-file requirements-dev.txt pyproject.toml

LOCK := --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

clean:  ## remove environments and caches; fetched weights stay in the user's cache folder, runs in evals/runs
	rm -rf $(VENV) .venv-autorubric .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes -r requirements.txt
	$(PIP) install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	$(PIP) install --quiet --no-deps -e .
	@touch $@ $(VENV)/.runtime

$(VENV)/.prometheus: ops/install-prometheus | $(VENV)/bin/python
	ops/install-prometheus $(VENV)
	@touch $@

.venv-autorubric/.ready: bench/requirements-autorubric.txt
	$(PYTHON) -m venv .venv-autorubric
	.venv-autorubric/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r $<
	@touch $@
