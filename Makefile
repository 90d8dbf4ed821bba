# Each target below sets up .venv by itself when it is missing or older than what it is made from.
# Choose an interpreter with `make PYTHON=/path/to/python3.12 ...`; extra words go in ARGS.

.DEFAULT_GOAL := help
.PHONY: demo test soak check bench .venv constraints clean help

# Where this is set, nothing keeps its bytecode and every start compiles every import again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/.ready
ARGS ?=
SEED ?= 1
BUDGET ?= 600

PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' \
	2>/dev/null && echo $$candidate && break; done)
SETUP = $(or $(PYTHON),$(error roci needs Python 3.11, 3.12, 3.13 or 3.14 and none is on the \
	PATH. Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS))) .ci/venv.py

demo: $(READY) ## Load invented extracts end to end and say where to look
	$(BIN)/roci demo $(ARGS)

test: $(READY) ## Run the tests (ARGS="-k words" to choose)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(READY) ## Long runs of what breaks (SEED=1, BUDGET=600 seconds for each of them)
	SOAK_SEED=$(SEED) SOAK_BUDGET=$(BUDGET) $(BIN)/python -m pytest -m soak -s tests/soak $(ARGS)

check: $(READY) ## Style, who may import whom, types, configuration
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/roci check

bench: $(READY) ## Measure speed and memory beside hand-written scripts
	$(BIN)/python -m benchmarks.run $(ARGS)

.venv: $(READY) ## Set up the environment and nothing else
	@:

$(READY): pyproject.toml constraints.txt
	@$(SETUP) install
	@touch $@

constraints: ## Compile constraints.txt again (ARGS=--upgrade for the newest that fit)
	@$(SETUP) constraints $(ARGS)

clean: ## Remove .venv, caches and build leftovers; data/ stays
	rm -rf .venv build *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache \
		.import_linter_cache benchmarks/work
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show these targets
	@sed -n 's/^\([a-z.]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
		| awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'
