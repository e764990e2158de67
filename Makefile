# The commands of this repository; `make help` lists them.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)

# Locked versions with hashes; the project itself is added without dependencies.
ifdef UV
MAKE_VENV = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
SYNC = VIRTUAL_ENV=$(abspath $(VENV)) $(UV) pip install --quiet --compile-bytecode
else
MAKE_VENV = $(PYTHON) -m venv $(VENV)
SYNC = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

# Versions and hashes only: no address of a package index may stand in the files.
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal \
  --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links

# What is measured, in this order.
BENCH ?= page arena slots cold tables

# Tests that start processes mostly wait, so there are three for each core. Bytecode
# is kept, or hundreds of processes would compile the project anew.
PYTEST_ARGS ?= --numprocesses=$(shell $(PYTHON) -c 'import os; print(3 * os.cpu_count())') \
  --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help install dev demo test fleet-test flower chaos simulate simulate-mutants bench lint size format lock browser office screenshots clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## make .venv with the reelmill command in it

dev: $(VENV)/.dev  ## add what tests and checks need

demo: install  ## the whole pipeline on this machine: no key, no cost
	$(BIN)/reelmill demo

test: dev  ## run every test, three at a time for each core
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest $(PYTEST_ARGS)

flower: dev  ## the dashboard at 127.0.0.1:5555; needs FLOWER_BASIC_AUTH=name:password
	@test -n "$$FLOWER_BASIC_AUTH" || { echo 'set FLOWER_BASIC_AUTH=name:password' >&2; exit 2; }
	@mkdir -p .reelmill
	$(BIN)/celery -A worker.app flower --read-only --address=127.0.0.1 --port=5555 \
	  --persistent=True --state-save-interval=3000 --db=.reelmill/flower.db \
	  --purge-offline-workers=600 \
	  --tasks-columns=name,args,state,received,runtime,worker,uuid

fleet-test: dev  ## the compose file in real containers, while things break; needs an engine
	$(BIN)/python -m tests.containers

chaos: dev  ## every fault and every kill at once; prints what came of it
	$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

simulate: dev  ## the real worker on virtual time, with faults; SEED= replays a run
	RUNS=$(or $(RUNS),100) SEED=$(SEED) $(BIN)/python -m tests.simulation

simulate-mutants: dev  ## planted mistakes, each of which the simulation must find
	PYTHONHASHSEED=0 $(BIN)/python -m tests.simulation.mutants

bench: dev  ## measure speed and limits, hours in all; BENCH=slots asks one question
	@mkdir -p bench/results
	@for question in $(BENCH); do echo "== $$question"; \
	  $(BIN)/python -m bench $$question --results bench/results $(BENCH_ARGS) || exit; done

lint: dev  ## check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

size: dev  ## count the code beside what it may be at most
	$(BIN)/python -m tests.size

format: dev  ## apply the style that can be applied
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: dev  ## write the constraints files anew from pyproject.toml
	$(LOCK) --extra sandbox --extra metrics --group build --output-file .constraints/run.txt
	$(LOCK) --extra sandbox --extra metrics --extra flower --extra geometry --extra convert --group build --group dev \
	  --output-file .constraints/dev.txt

browser: dev  ## get the browser that tests and screenshots need, where there is none
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
	  || { test "$$(id -u)" = 0 && apt-get update --quiet && apt-get install --quiet --yes \
	       --no-install-recommends chromium fonts-liberation; } \
	  || $(BIN)/playwright install --with-deps chromium

office:  ## get LibreOffice, whose workbooks tests read, where apt can
	@command -v soffice \
	  || { test "$$(id -u)" = 0 && apt-get update --quiet && apt-get install --quiet --yes \
	       --no-install-recommends libreoffice-calc; } \
	  || echo "tests with LibreOffice are skipped: it is not installed"

screenshots: dev browser  ## make the pictures of the documentation anew
	$(BIN)/python -m tests.browser

clean:  ## remove .venv and what tools left behind
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.made:
	$(MAKE_VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml .constraints/run.txt
	$(SYNC) --require-hashes -r .constraints/run.txt
	PATH="$(abspath $(BIN)):$$PATH" $(SYNC) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed .constraints/dev.txt
	$(SYNC) --require-hashes -r .constraints/dev.txt
	@touch $@
