# Everything here needs only make and one Python between 3.11 and 3.13.
# Name the interpreter yourself with:  make setup PYTHON=/path/to/python3.12

SHELL := /bin/sh
BIN := .venv/bin
CODE := flows tasks stats storage
PYTHON ?=
TEST_JOBS ?= 2

# Settings every command runs with: the workflow server sends no telemetry and may
# take its time to start on a busy machine.
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS ?= 180
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup nightly test services lint types layers docs check check-slow peers bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# The first candidate that really runs and is new enough; a version manager's stub
# for a version it does not have fails here and is passed over.
setup: ## create .venv and install everything (does nothing the second time)
	@if [ -z "$(PYTHON)" ] && [ -x $(BIN)/python ] \
	    && $(BIN)/python tools/bootstrap.py --check >/dev/null 2>&1; then exit 0; fi; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if "$$candidate" -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 13))' >/dev/null 2>&1; then \
	        exec "$$candidate" tools/bootstrap.py; \
	    fi; \
	done; \
	echo "setup: no Python between 3.11 and 3.13 runs here (tried: $(or $(PYTHON),python3 python3.13 python3.12 python3.11))." >&2; \
	echo "setup: install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; \
	exit 1

nightly: setup ## the nightly run on the example data; prints where the report is
	@$(BIN)/consilience demo

# A file stays with one process, so that what it shares is made once.
test: setup ## the default test suite; TEST_JOBS processes, 2 unless told
	@$(BIN)/python -m pytest -m "not slow and not services" -n $(TEST_JOBS) --dist loadfile

# One after the other: each starts daemons that would be short of two cores together.
services: setup ## tests against PostgreSQL, SLURM, Dask Gateway, network namespaces, deployments
	@$(BIN)/python -m pytest -m "services and not slow"

lint: setup ## style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## strict types
	@$(BIN)/mypy

layers: setup ## which package may import which
	@$(BIN)/lint-imports

docs: setup ## build the documentation into docs/_build/html
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@$(BIN)/python docs/check_pages.py docs/_build/html

# One after the other, also under `make -j`: the cheap answers come first.
check: ## lint, types, layers, test, services and docs: what has to pass before a merge
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory layers
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory services
	@$(MAKE) --no-print-directory docs

check-slow: setup ## calibration, kills and full sizes; takes long
	@$(BIN)/python -m pytest -m slow

# The peers that are measured beside ours are installed when first asked for.
$(BIN)/.bench-installed: pyproject.toml constraints.txt
	@echo "bench: installing the peers" >&2
	@$(BIN)/python -m pip install --no-input -qq --constraint constraints.txt --editable ".[bench]"
	@touch $@

peers: setup ## install what the benchmark compares with
	@$(MAKE) --no-print-directory $(BIN)/.bench-installed

bench: peers ## measure and write docs/benchmarks.md; choose with BENCH="--only sums"
	@$(BIN)/python -m tests.bench $(BENCH)

clean: ## remove .venv, caches and built pages; leaves data/ alone
	rm -rf .venv build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
