# Everything a newcomer needs: `make run` and `make test`. Both set up what they need first, and only once.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)

INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_LOWEST := .venv-lowest/.installed

# Compiled once here, not by each of a node's processes at each start: the setting of PYTHONDONTWRITEBYTECODE would have it so.
compile = @env -u PYTHONDONTWRITEBYTECODE $(1)/bin/python -m compileall -q -j 0 src $(1)/lib >/dev/null 2>&1 || true

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-lowest lint types bench chaos lock format clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: $(INSTALLED) ## Set up, run the boutique, print its URL (end it with Ctrl-C)
	@$(BIN)/homeport run examples/boutique || test $$? = 130

test: lint types ## Set up, check style, types and import directions, run the tests
	$(BIN)/python -m pytest -q -m "not long" $(PYTEST_FLAGS)

test-all: $(INSTALLED_DEV) test-lowest ## The tests that take long
	$(BIN)/python -m pytest -q -m long $(PYTEST_FLAGS)

test-lowest: $(INSTALLED_LOWEST) ## The tests with the oldest dependencies that pyproject.toml allows
	.venv-lowest/bin/python -m pytest -q -m "not long and not tools" --ignore tests/typing $(PYTEST_FLAGS)

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED_DEV)
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(INSTALLED_DEV) ## Bring the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED_DEV) ## Measure; results with their commands are in benchmarks/RESULTS.md (make bench BENCH=--write)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group bench
	$(BIN)/python -m benchmarks $(BENCH)

chaos: $(INSTALLED_DEV) ## Kill and stop the boutique's processes under load: make chaos SEED=7 MINUTES=5
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

lock: $(INSTALLED_DEV) ## Choose the newest versions of all development dependencies anew
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --upgrade --quiet \
		--python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" -o requirements-dev.lock

clean: ## Remove what was set up and built; running nodes are left alone
	rm -rf $(VENV) .venv-lowest build-out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Homeport needs Python 3.11 or newer, and none was found: install it, or make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable .
	$(call compile,$(VENV))
	@touch $@

$(INSTALLED_DEV): pyproject.toml requirements-dev.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --editable .
	$(call compile,$(VENV))
	@touch $(INSTALLED) $@

$(INSTALLED_LOWEST): pyproject.toml | $(INSTALLED_DEV)
	$(BIN)/python -m venv .venv-lowest
	$(BIN)/uv pip compile pyproject.toml --extra build --resolution lowest-direct --quiet --no-emit-index-url \
		--python $(BIN)/python -o .venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --editable '.[build]' \
		--constraint .venv-lowest/lowest.txt anyio 'cyclonedx-python-lib[json-validation]>=11' django \
		dockerfile-parse fastapi grpcio hypothesis openapi-spec-validator pydantic pyyaml \
		pytest pytest-asyncio pytest-timeout pytest-xdist websockets==15.0
	@touch $@
