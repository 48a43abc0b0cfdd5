# Everything is one command; each sets up what it needs. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

# What decides about money must have no branch that no test has taken.
GUARDED := */core/risk_manager.py,*/core/limits.py,*/core/gate.py,*/core/invariants.py,*/core/regimes.py,*/core/orders.py,*/core/portfolio.py
GUARDED := $(GUARDED),*/core/sizing.py,*/core/entry_gates.py,*/core/fees.py,*/core/episode.py,*/core/accounts.py,*/core/recovery.py,*/core/config.py,*/core/settings.py,*/core/policy.py,*/core/strict_json.py

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format clients coverage sequences simulate simulate-nightly bench conformance lock clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## Make .venv from the lock (a blink when nothing changed)
	@$(PYTHON) bootstrap.py

demo: setup ## Play a whole generated trading day on the embedded Alpaca, files in demo/
	@$(BIN)/alpaca-trader run --sim --home demo --seed 30

test: setup ## Run the test suite
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

check: setup ## Lint, format, types, import rules, stale documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/test_documents.py

format: setup ## Format the source and mend what lint can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

coverage: setup ## Branch coverage of the core; every branch of what guards money
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -n $(WORKERS) --dist worksteal
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@$(BIN)/coverage report --skip-covered --fail-under=100 --include='$(GUARDED)'

clients: setup ## Play real Alpaca clients from their registries against the simulator (ONLY='js_3 lumibot')
	@$(BIN)/python -m clients $(ONLY)

SEQUENCES ?= 100000

sequences: setup ## Play 100,000 random order sequences and hold every step to the books (half an hour)
	@$(BIN)/python -m tests.simulator.exchange.sequences $(SEQUENCES) --workers $(WORKERS)

PROOFS ?=

simulate: setup ## Prove order safety: a million minutes of faults, crashes, kills, bad wires, planted bugs (a quarter of an hour)
	@$(BIN)/python -m proofs $(PROOFS)

simulate-nightly: setup ## The same for hours: 25 million minutes, every pair of crashes, 10,000 kills
	@$(BIN)/python -m proofs --nightly $(PROOFS)

bench: setup ## Measure speed and memory against plain baselines (four minutes)
	@$(BIN)/python -m benchmarks

conformance: setup ## Hold every answer of the simulator to the broker's own OpenAPI files (fetches them; three minutes)
	@$(BIN)/python -m conformance

# Index settings would be written into the lock, so it is made without them.
COMPILE = env -u UV_INDEX -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_INDEX_URL -u UV_FIND_LINKS \
	$(BIN)/uv pip compile --no-config --quiet --no-header --universal --python-version 3.11 --generate-hashes $(UPGRADE)

lock: setup ## Renew requirements/*.txt from pyproject.toml and *.in (UPGRADE=--upgrade for newer versions)
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) pyproject.toml --extra report --extra data --extra tls -o requirements/run.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) requirements/conformance.in -o requirements/conformance.txt

clean: ## Remove caches, coverage data and the demo's files (not .venv)
	@rm -rf demo build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
