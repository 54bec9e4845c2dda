# The two commands of a newcomer are "make demo" and "make test"; the rest are parts of them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
HARD := test_hostile.py test_floods.py test_faults.py test_verify.py
EMPTY :=
SPACE := $(EMPTY) $(EMPTY)

help: ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(VENV)/.ready ## virtual environment with everything

$(VENV)/.ready: pyproject.toml
	@echo "==> Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --upgrade pip
	@$(BIN)/python -m pip install -q --group dev -e .
	@touch $@

demo: setup ## render the example, roll it out to a Debian 13 host, send mail through it
	@$(BIN)/python molecule/demo.py

lint: setup linters ## ruff (layout too), mypy, yamllint, ansible-lint, codespell, luacheck, shellcheck
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/yamllint -s .
	$(BIN)/codespell -L iif,anull,atmost,atleast,conformin,fo,uesd gmconf templates roles molecule tests/unit tests/host tests/pair docs README.md CHANGELOG.md
	ANSIBLE_HOME=.lab/ansible $(BIN)/ansible-lint --offline -q roles molecule/default
	luacheck -q roles
	shellcheck $$(grep -rlIE '^#!(/bin/sh|/usr/bin/env bash)' roles .ci)

linters: ## luacheck (Lua of rspamd and Prosody) and shellcheck (shell programs)
	@for tool in luacheck shellcheck; do command -v $$tool >/dev/null || missing=1; done; test -z "$$missing" || \
	{ test "$$(id -u)" = 0 || { echo "install lua-check and shellcheck, or run this as root"; exit 2; }; \
	echo "==> luacheck, shellcheck"; apt-get update -qq && apt-get install -y -qq --no-install-recommends lua-check shellcheck; }

mutants: setup ## every setting of every control, weakened: what the static check does not notice
	PYTHONPATH=$(CURDIR) $(BIN)/python tests/unit/mutants.py

tools: ## what the tests look at results with: Chromium and poppler (the report), xorriso (the portable medium)
	@for tool in chromium chromedriver pdftotext xorriso; do command -v $$tool >/dev/null || missing=1; done; test -z "$$missing" || \
	{ test "$$(id -u)" = 0 || { echo "install chromium, chromium-driver, poppler-utils and xorriso, or run this as root"; exit 2; }; \
	echo "==> Chromium, poppler, xorriso"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver poppler-utils fonts-dejavu-core xorriso; }

unit: setup tools servers ## unit tests, goldens, packaging
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not long" tests/unit

servers: setup ## name servers for the tests of DNS (Knot, Unbound) and BIND's tools; none is started
	@$(BIN)/python tests/unit/nameserver.py

host: setup ## Molecule: both Debian releases side by side, with real mail and real failures
	$(BIN)/python molecule/lab.py up
	PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_HOME=$(CURDIR)/.lab/ansible molecule test --destroy=never
	$(BIN)/python molecule/verify.py mx13 mx12 -- -m "not long" $(HARD:%=--ignore=tests/host/%)

faults: setup ## hostile mail, broken disks and daemons, every probe of gmconf verify on a host spoiled for it, 2,000 odd calls: half an hour more
	$(BIN)/python molecule/lab.py up
	$(BIN)/python molecule/sites.py mx13 mx12
	$(BIN)/python molecule/verify.py mx13 mx12 -- -k "$(subst $(SPACE), or ,$(HARD:.py=))"
	$(BIN)/python molecule/verify.py mx13 mx12 -- -m long
	$(BIN)/python -m pytest -n auto -m long tests/unit

talk: setup ## chat and news: hosts that have both roles too, with their tests
	$(BIN)/python molecule/lab.py up
	GMCONF_LAB_TALKS=1 $(BIN)/python molecule/sites.py mx13 mx12
	GMCONF_LAB_TALKS=1 $(BIN)/python molecule/verify.py mx13 mx12 -- -k "(chat or news or tls or listening or leave or fenced or second_run) and not tls_out"

pair: setup ## two name servers of one site on both hosts, each in turn the primary
	$(BIN)/python molecule/lab.py up
	$(BIN)/python -m pytest -v --tb=short tests/pair

docs: setup ## the documentation as a site in .site; its generator is installed for this only
	$(BIN)/gmconf docs -o docs/reference
	$(BIN)/python -m pip install -q --group docs
	$(BIN)/mkdocs build -q --strict

down: ## remove the hosts of the lab
	$(PYTHON) molecule/lab.py down

test: lint unit host talk ## everything

.PHONY: help setup demo lint linters mutants tools unit servers host faults talk pair docs down test
