# Everything that the project does from the command line; 'make help' lists it.
PYTHON ?= python3
VENV := .venv
# Most tests wait for other programs, so there are more processes than cores; a file's tests stay together.
PYTEST := -m pytest -n 3 --dist loadfile
BIN := $(VENV)/bin
SHELL_SCRIPTS := .ci/run $(wildcard deploy/*/*.sh)

.PHONY: demo test test-long lint bench docs constraints help
.DEFAULT_GOAL := help

demo: $(VENV)/.demo ## count rendered bins from a camera to a ledger, beside the truth (installs no torch)
	@$(BIN)/bintally demo

test: $(VENV)/.dev ## run the tests
	$(BIN)/python $(PYTEST) -m "not long"

test-long: $(VENV)/.dev ## run the tests that take minutes, too
	$(BIN)/python $(PYTEST)

lint: $(VENV)/.dev ## ruff, mypy and, where it is installed, shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v shellcheck >/dev/null; then shellcheck $(SHELL_SCRIPTS); \
	elif [ -n "$$BINTALLY_REQUIRE_ALL" ]; then echo "lint: shellcheck is missing; install it" >&2; exit 1; \
	else echo "lint: shellcheck is not installed, skipped"; fi

bench: $(VENV)/.dev ## measure the figures in the README
	$(BIN)/python -m tests.bench

docs: $(VENV)/.dev ## write the JSON Schemas and the AsyncAPI document again
	$(BIN)/python -m bintally.schemas docs

constraints: $(VENV)/.dev ## pin the newest versions that fit together, for every Python
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 --upgrade \
		--no-emit-index-url --no-header --no-annotate --quiet -o constraints.txt

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "bintally needs Python 3.10 or newer; name one: make PYTHON=python3.11 …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.demo
