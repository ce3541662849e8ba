# Everything here needs Python 3.11 to 3.13 and make, and sets the rest up by itself in .venv.

# The first one that really runs: a version manager's shim may be on the path without its Python.
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(SUITS)' >/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup livekit demo test quick check lint unit bench chaos reality strangers fuzz soak pictures map api translations lock example clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(READY) ## make .venv with everything in it, in the pinned versions

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 with its venv module is needed: apt install python3 python3-venv, or brew install python@3.12"; exit 1; }
	@echo "» Setting up .venv: about 1 GB of packages, speech models included; a few minutes the first time ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $(READY)

livekit: $(READY) # the server the sandbox runs, built once
	@$(BIN)/python -m sandbox.livekit.build >/dev/null

demo: livekit ## one whole call on this machine: speech in, speech out, words and pictures in the channel
	@$(BIN)/python -m sandbox.demo

test: livekit check ## everything: lint, types, import directions, all tests

quick: $(READY) ## all that needs no stage: lint, types, import directions and most tests, in a minute
	@began=$$(date +%s) && $(MAKE) --no-print-directory lint && $(BIN)/python -m tests.quick && \
		echo "» make quick took $$(($$(date +%s) - began)) s."

check: lint unit

lint: $(READY) ## ruff, mypy --strict, import directions
	@$(BIN)/ruff format --check bot plugins agent sandbox tests benchmarks
	@$(BIN)/ruff check bot plugins agent sandbox tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

unit: livekit
	@$(BIN)/python -m tests

bench: livekit ## the budgets as ratios, measured here and now
	@$(BIN)/python -m benchmarks

KILLS ?= 200
SEED ?= 1
chaos: livekit ## kill the bot at 200 seeded moments and look at the provider's meter (15 minutes)
	@$(BIN)/python -m tests.chaos --kills $(KILLS) --seed $(SEED)

reality: livekit ## one call under each behaviour the real services are reported to have (ten minutes); docs/reality.md
	@$(BIN)/python -m sandbox.reality --write docs/reality.md

strangers: livekit ## bots on other libraries, unmodified, on the sandbox's Discord (a minute, and the package registry)
	@$(BIN)/python -m sandbox.strangers

PACKETS ?= 1000000
FILES ?= 100000
fuzz: $(READY) ## a million mutated packets through all that a datagram passes, 100,000 mutated config files (10 minutes)
	@$(BIN)/python -m tests.fuzz --packets $(PACKETS) --seed $(SEED)
	@$(BIN)/python -m tests.fuzz_config --files $(FILES) --seed $(SEED)

MINUTES ?= 60
soak: livekit ## one call of an hour: talk, silence, talk; does the delay stay, does anything grow
	@$(BIN)/python -m tests.soak --minutes $(MINUTES)

pictures: livekit ## docs/images anew: the channel as people see it, from a real call; needs Chromium
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[pictures]"
	@$(BIN)/python -m sandbox.screenshots

map: $(READY) ## put every module of bot/ into docs/architecture.md
	@$(BIN)/python -m tests.module_map

api: $(READY) ## write down what plugins may import, and how it is called, as it is now
	@$(BIN)/python -m tests.api_listing

translations: $(READY) ## put new sentences into the catalogues, and say what is left to translate
	@$(BIN)/python -m tests.translations

lock: ## pin the newest versions that fit pyproject.toml into requirements.lock
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-header --no-annotate --no-emit-index-url --upgrade pyproject.toml -o requirements.lock

example: $(READY) ## write config.example.yaml and its schema anew, from the settings' models
	@$(BIN)/parley example --schema docs/config.schema.json > config.example.yaml
	@$(BIN)/parley schema > docs/config.schema.json
	@$(BIN)/parley schema --server > docs/server.schema.json

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
