# Begin with `make demo` and `make test`. Each target installs the packages that it needs in a virtual environment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements-dev.lock
PORT ?= 8000
BUILD_LOCK := requirements-build.lock
WITHOUT_SLOW := not page and not prometheus and not radio and not differential and not docs
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps
READY := $(VENV)/ready-$(notdir $(LOCK))
# Tests run on all cores, but on four at most. PYTHONDONTWRITEBYTECODE is unset because many tests start the program:
# without cached bytecode, each start would compile all modules.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help demo run-demo test lint test-properties test-differential fuzz fuzz-keep run-fuzz test-page run-page screenshots run-screenshots docs run-docs manual run-manual dashboard run-dashboard dashboard-pictures run-pictures test-prometheus test-radio soak bench-radio test-pythons test-lowest test-wheel test-fresh test-systemd deb test-deb siege nights nightly fast-tests tests mutants run-mutants bench bench-peers run-peers release run-release test-installers lock clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

demo: ## Run the exporter on a simulated radio on PORT (default: 8000), without hardware or root. Ctrl-C ends it.
	@$(MAKE) --no-print-directory VENV=.venv-demo LOCK=requirements.lock run-demo

run-demo: $(READY)
	@echo
	@echo "  Three simulated sensors. Open:"
	@echo "    http://127.0.0.1:$(PORT)/          the status of each sensor"
	@echo "    http://127.0.0.1:$(PORT)/metrics   the readings, as Prometheus scrapes them"
	@echo "    http://127.0.0.1:$(PORT)/status    the status as JSON"
	@echo "  If another program uses this port: make demo PORT=8001. Ctrl-C ends the demo. The first readings:"
	@echo
	@exec $(BIN)/python -m ble_exporter --config contrib/demo.yaml --web.listen-address 127.0.0.1:$(PORT) \
	  --mock --mock-loss 0.1 --mock-strangers 5

test: $(READY) lint ## Lint, check types and imports, run the fast tests, and check their coverage.
	$(PYTEST) -m "$(WITHOUT_SLOW)" --cov --cov-report=term
	@$(BIN)/python contrib/branch-coverage 98.5

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-properties: $(READY) ## Run the property tests on all cores, with 1,000 examples each instead of 30.
	$(BIN)/python -m pytest -q -m "hypothesis and $(WITHOUT_SLOW)" --hypothesis-profile=thorough --numprocesses=auto --dist=worksteal

test-differential: $(READY) ## Compare 300,000 random BTHome packets with bthome-ble. Needs Python 3.11 or newer.
	$(BIN)/python -m pytest -s -m differential tests/formats

fuzz: ## Fuzz the decoders, guided by coverage, for FUZZ_SECONDS (default: 60); or run the input FUZZ_INPUT again.
	@$(MAKE) --no-print-directory VENV=.venv-fuzz LOCK=requirements-fuzz.lock FUZZ="$(FUZZ_INPUT)" run-fuzz

fuzz-keep: ## Save in tests/corpus a small set of fuzzing inputs that takes all branches.
	@$(MAKE) --no-print-directory VENV=.venv-fuzz LOCK=requirements-fuzz.lock FUZZ=--keep run-fuzz

run-fuzz: $(READY)
	@$(BIN)/python -m tests.formats.fuzzing $(FUZZ)

test-page: ## Test the page in a real Chromium. Needs Debian's package chromium.
	@$(MAKE) --no-print-directory VENV=.venv-page LOCK=requirements-page.lock run-page

run-page: $(READY)
	$(BIN)/python -m pytest -m page tests/page

screenshots: ## Take screenshots of the page in typical and extreme states, and write them to build/screenshots.
	@$(MAKE) --no-print-directory VENV=.venv-page LOCK=requirements-page.lock run-screenshots

run-screenshots: $(READY)
	$(BIN)/python -m tests.page.screenshots build/screenshots
docs: ## Build the documentation as a site in build/site; check its links, the manual pages and the completions.
	@$(MAKE) --no-print-directory VENV=.venv-docs LOCK=requirements-docs.lock run-docs

run-docs: $(READY)
	$(BIN)/python -m mkdocs build --strict
	$(BIN)/python -m pytest -m docs tests/test_manual.py tests/test_site.py

manual: ## Write the manual pages and the completions of the shells again, in contrib/man and contrib/completion.
	@$(MAKE) --no-print-directory VENV=.venv-docs LOCK=requirements-docs.lock run-manual

run-manual: $(READY)
	PYTHONPATH=. $(BIN)/python contrib/manual.py

dashboard: ## Build the Grafana dashboard, contrib/grafana/ble_exporter.json. Needs Python 3.11 or newer.
	@$(MAKE) --no-print-directory VENV=.venv-grafana LOCK=requirements-grafana.lock run-dashboard

run-dashboard: $(READY)
	PYTHONPATH=contrib $(BIN)/python -m grafana $(CHECK)

dashboard-pictures: ## Draw the dashboard's rows for docs/grafana.md on simulated data. Needs Python 3.11 and Debian's package prometheus.
	@$(MAKE) --no-print-directory VENV=.venv-pictures LOCK=requirements-pictures.lock run-pictures

run-pictures: $(READY)
	PYTHONPATH=contrib:. $(BIN)/python -m grafana.pictures

test-prometheus: $(READY) ## Run a real Prometheus against the exporter. Needs Debian's packages prometheus and prometheus-alertmanager.
	$(BIN)/python -m pytest -m prometheus tests/prometheus

.PHONY: fleet-outage bench-fleet
nightly: fleet-outage
fleet-outage: $(READY) ## Kill the central Prometheus of a fleet for six minutes, and check that the merged series has no gap.
	FLEET_OUTAGE_S=360 $(BIN)/python -m pytest -q -m prometheus tests/prometheus/test_fleet.py

bench-fleet: $(READY) ## Measure one Prometheus with 200 exporters of 50 sensors, for 18 minutes: memory, scrapes, rules, disk.
	$(BIN)/python -m bench.central_server $(FLEET)

test-radio: $(READY) ## Run the exporter on the real Bluetooth stack with virtual radios. See tests/rig/README.md.
	@# Most scenarios wait most of the time, so two guests do not disturb each other, not even on two processors.
	$(BIN)/python -m pytest -n 2 --dist=worksteal --durations=15 -m radio tests/rig

soak: $(READY) ## Soak-test the exporter for 11 minutes on the real Bluetooth stack.
	RIG_SOAK=long $(BIN)/python -m pytest -m radio tests/rig -k soak -s

bench-radio: $(READY) ## Measure each ear's reception and cost on the real Bluetooth stack. Takes 40 minutes.
	RIG_SOAK=long $(BIN)/python -m pytest -m radio tests/rig -k "scenario and (cost or delivery)" -s

test-pythons: ## Run the fast tests on each supported Python that is installed.
	contrib/test-pythons

test-lowest: ## Run the fast tests with the lowest versions of the dependencies that pyproject.toml allows.
	$(MAKE) VENV=.venv-lowest LOCK=requirements-lowest.lock tests

test-wheel: $(READY) ## Build the wheel, install it with the locked dependencies in a new environment, and run the program.
	contrib/test-wheel $(PYTHON) $(BIN)/python

test-fresh: ## Install as the README describes on a fresh Debian 12, run make demo and make test there, and test-systemd.
	PYTHONPATH=contrib $(PYTHON) -m fresh debian
	PYTHONPATH=contrib $(PYTHON) -m fresh matrix

test-systemd: ## Install the service on a fresh Debian 12 as the README describes, and check it below a real systemd.
	PYTHONPATH=contrib $(PYTHON) -m fresh systemd

test-deb: ## Build the Debian package on a fresh Debian 12, and install, upgrade, remove and purge it below a real systemd.
	PYTHONPATH=contrib $(PYTHON) -m fresh deb

siege: $(READY) ## Hold 1,600 connections to the exporter for ten minutes, and report the cost.
	SIEGE_SECONDS=600 $(BIN)/python -m pytest -q -s -m program tests/service/test_serve_siege.py

nights: $(READY) ## Run the long form of the bad nights (docs/bad-nights.md), and print the figures.
	NIGHTS=long $(BIN)/python -m pytest -q -s tests/nights

nightly: test-pythons siege nights bench bench-radio test-deb ## Test on each Python, run the siege and the bad nights, run the benchmarks, measure both ears, test the Debian package, and install all locks with each pip on each Python.
	PYTHONPATH=contrib $(PYTHON) -m fresh matrix whole
	QUIET_SECONDS=3600 PYTHONPATH=contrib $(PYTHON) -m fresh systemd

fast-tests: $(READY) ## Run only those fast tests that do not start the program: about 20 s.
	$(PYTEST) -m "$(WITHOUT_SLOW) and not program and not night" -q

tests: $(READY)
	$(PYTEST) -m "$(WITHOUT_SLOW) and not night" -q

mutants: ## Check that a test fails for each mutation of ble_exporter/formats, or of MODULES="atc ccm" only.
	@$(MAKE) --no-print-directory VENV=.venv-mutation LOCK=requirements-mutation.lock run-mutants

run-mutants: $(READY)
	PYTHONPATH=contrib $(BIN)/python -m mutation $(MODULES)

bench: $(READY) ## Measure start, memory and CPU time, and compare decoding, handling and scrapes with alternatives.
	$(BIN)/python -m bench

bench-peers: ## Compare with other programs: decoding, start, memory, CPU time, and the packets heard on the radio rig.
	@$(MAKE) --no-print-directory VENV=.venv-peers LOCK=requirements-peers.lock BUILD_LOCK=requirements-peers-build.lock run-peers

run-peers: $(READY)
	$(BIN)/python -m bench.peers
	RIG_SOAK=long $(BIN)/python -m pytest -m radio tests/rig -k peers -s

release: ## Build the files of a release twice, check them, their licences and vulnerabilities, and write an SBOM.
	@$(MAKE) --no-print-directory VENV=.venv-release LOCK=requirements-release.lock run-release

run-release: $(READY)
	PYTHONPATH=contrib $(BIN)/python -m release

deb: ## Build the Debian package in dist/, for this machine or for ARCHITECTURE (amd64, arm64). Needs Debian 12's Python.
	@PYTHONPATH=contrib $(PYTHON) -m deb $(ARCHITECTURE)

test-installers: release ## Install the files of the release with pip, pipx and uv, on each supported Python.
	contrib/test-installers .venv-release/bin

lock: $(READY) ## Resolve the dependencies again, and write all requirements-*.lock files.
	contrib/lock $(BIN)/uv

clean: ## Remove the files that the other targets created.
	rm -rf .venv .venv-* .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .fuzz build dist

$(READY): $(LOCK) $(BUILD_LOCK)
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "make: $(PYTHON) is not Python 3.10 or newer with venv (Debian: apt-get install python3-venv);" \
	       "name another interpreter: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Setting up $(VENV) from $(LOCK) (once; takes up to a minute)"
	@[ ! -e $(VENV) ] || [ -e $(VENV)/pyvenv.cfg ] || { echo "make: $(VENV) is not a virtual environment" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@# A lock is complete, so --no-deps keeps pip from resolving anything, and no later release can break the installation.
	@# For the same reason, packages without a wheel are built with the locked build tools (--no-build-isolation).
	@$(INSTALL) --requirement $(BUILD_LOCK)
	@$(INSTALL) --no-build-isolation --requirement $(LOCK)
	@$(BIN)/pip check --disable-pip-version-check
	@touch $@
