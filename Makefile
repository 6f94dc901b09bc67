# The two commands for a newcomer are `make demo` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements-dev.lock
FAST := not page and not prometheus and not radio and not differential
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps
READY := $(VENV)/ready-$(notdir $(LOCK))
# The fast tests, on as many cores as there are. Byte code is kept though this shell's programs may keep none: the tests
# start the program, and each would compile all of it.
FAST_TESTS := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m "$(FAST)" \
  --numprocesses=auto --maxprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help demo run-demo test lint test-properties test-differential fuzz fuzz-keep run-fuzz test-page run-page test-prometheus test-radio soak test-pythons test-lowest test-wheel test-fresh nightly fast-tests mutants run-mutants bench lock clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

demo: ## Run the exporter on a simulated radio: no hardware, no root. Ctrl-C ends it.
	@$(MAKE) --no-print-directory VENV=.venv-demo LOCK=requirements.lock run-demo

run-demo: $(READY)
	@echo
	@echo "  Three simulated sensors. Look at:"
	@echo "    http://127.0.0.1:8000/          what each of them is doing"
	@echo "    http://127.0.0.1:8000/metrics   the readings, as Prometheus sees them"
	@echo "    http://127.0.0.1:8000/status    the same, as JSON"
	@echo "  Ctrl-C ends it. The first readings:"
	@echo
	@exec $(BIN)/python -m ble_exporter --config contrib/demo.yaml --mock --mock-loss 0.1 --mock-strangers 5

test: $(READY) lint ## Lint, check types and imports, and run the fast tests with their coverage.
	$(FAST_TESTS) --cov --cov-report=term
	@$(BIN)/python contrib/branch-coverage 95

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-properties: $(READY) ## Run the property tests with 1,000 examples each, on all cores. The fast tests take 30.
	$(BIN)/python -m pytest -q -m "hypothesis and $(FAST)" --hypothesis-profile=thorough --numprocesses=auto --dist=worksteal

test-differential: $(READY) ## Compare 300,000 random BTHome packets with bthome-ble. Needs Python 3.11.
	$(BIN)/python -m pytest -s -m differential tests/formats

fuzz: ## Fuzz the decoders, guided by coverage, for FUZZ_SECONDS (60); or run FUZZ_INPUT again.
	@$(MAKE) --no-print-directory VENV=.venv-fuzz LOCK=requirements-fuzz.lock FUZZ="$(FUZZ_INPUT)" run-fuzz

fuzz-keep: ## Keep what fuzzing has found in tests/corpus: the fewest inputs that take all branches.
	@$(MAKE) --no-print-directory VENV=.venv-fuzz LOCK=requirements-fuzz.lock FUZZ=--keep run-fuzz

run-fuzz: $(READY)
	@$(BIN)/python -m tests.formats.fuzzing $(FUZZ)

test-page: ## Look at the page in a real Chromium. Needs Debian's package chromium.
	@$(MAKE) --no-print-directory VENV=.venv-page LOCK=requirements-page.lock run-page

run-page: $(READY)
	$(BIN)/python -m pytest -m page tests/page

test-prometheus: $(READY) ## Run a real Prometheus against the exporter. Needs Debian's package prometheus.
	$(BIN)/python -m pytest -m prometheus tests/prometheus

test-radio: $(READY) ## Run the exporter on the real Bluetooth stack with virtual radios. See tests/rig/README.md.
	$(BIN)/python -m pytest -m radio tests/rig

soak: $(READY) ## Soak the exporter for 11 minutes on the real Bluetooth stack, and tell what it costs; 20 minutes in all.
	RIG_SOAK=long $(BIN)/python -m pytest -m radio tests/rig -k soak -s

test-pythons: ## Run the fast tests on each supported Python that this machine has.
	contrib/test-pythons

test-lowest: ## Run the fast tests with the lowest versions of the dependencies that pyproject.toml allows.
	$(MAKE) VENV=.venv-lowest LOCK=requirements-lowest.lock fast-tests

test-wheel: $(READY) ## Build the wheel, install it by itself with the locked dependencies, and run the installed program.
	contrib/test-wheel $(PYTHON) $(BIN)/python

test-fresh: ## Install as the README says on a fresh Debian 12, while newer releases exist; run make demo and make test there.
	PYTHONPATH=contrib $(PYTHON) -m fresh debian
	PYTHONPATH=contrib $(PYTHON) -m fresh matrix

nightly: ## What takes too long for every change: install all locks with each pip on each Python.
	PYTHONPATH=contrib $(PYTHON) -m fresh matrix whole

fast-tests: $(READY)
	$(FAST_TESTS) -q

mutants: ## Mutation testing: does a test notice each change of ble_exporter/formats? MODULES="atc ccm" is less than all.
	@$(MAKE) --no-print-directory VENV=.venv-mutation LOCK=requirements-mutation.lock run-mutants

run-mutants: $(READY)
	PYTHONPATH=contrib $(BIN)/python -m mutation $(MODULES)

bench: $(READY) ## Measure decoding against bthome-ble, and a scrape against plain gauges, as ratios of one run.
	$(BIN)/python -m bench

lock: $(READY) ## Resolve the locked sets anew.
	contrib/lock $(BIN)/uv

clean: ## Remove what the other targets made.
	rm -rf .venv .venv-* .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .fuzz build dist

$(READY): $(LOCK) requirements-build.lock
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "make: $(PYTHON) is not Python 3.10 or newer with venv (Debian: apt-get install python3-venv);" \
	       "name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Setting up $(VENV) from $(LOCK) (once; up to a minute)"
	@[ ! -e $(VENV) ] || [ -e $(VENV)/pyvenv.cfg ] || { echo "make: $(VENV) is no virtual environment" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@# With --no-deps pip resolves nothing, so no later release can break this: a lock is complete. For the same reason,
	@# packages without a wheel are built with locked tools (--no-build-isolation).
	@$(INSTALL) --requirement requirements-build.lock
	@$(INSTALL) --no-build-isolation --requirement $(LOCK)
	@$(BIN)/pip check --disable-pip-version-check
	@touch $@
