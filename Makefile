# One line a target; `make help` prints them. Everything sets itself up; only `engines` needs root.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
PY := .venv/bin/python
PARTS := $(PY) -m tools.parts
.PHONY: help demo demo-distributed test test-long quick check simulate mutations fuzz kills cases bench proof engines snapshots docs accept run-env dev-env

help: ## print the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' Makefile

run-env:
	@tools/environment.sh run

dev-env:
	@tools/environment.sh dev

demo: run-env ## the whole product against its simulator, with two kills and a ledger (60 s, no AWS, no root)
	@.venv/bin/aurora-logs demo $(ARGS)

demo-distributed: dev-env ## 2 discovery, 3 processors, Kafka, DynamoDB: kills, a broker's restart, an outage, the ledger (2 min)
	@$(PY) -m tools.distributed $(ARGS)

test: dev-env ## the tests (under 20 min); an engine that is missing skips its tests (with CI=true: a failure)
	@$(PARTS) run unit faults simulation mutations demo kills servers

test-long: dev-env ## secrets by the hundred thousand, fuzz, the distributed product under kills (15 min)
	@$(PARTS) run secrets fuzz distributed

quick: dev-env ## tests of under 3 minutes: no long simulation, no kills, no engines
	@$(PARTS) run quick

check: dev-env ## ruff, mypy --strict, import contracts, generated docs, architecture
	@$(PARTS) run check

simulate: dev-env ## deterministic simulation; SCHEDULES=n sets how many
	@$(PARTS) run simulation

mutations: dev-env ## planted protocol bugs: the simulation must find each of them
	@$(PARTS) run mutations

fuzz: dev-env ## every format on texts that nobody wrote, 60 s each; HOURS=n for n hours in all
	@$(if $(HOURS),FUZZ_HOURS=$(HOURS),FUZZ_SEC=60) $(PY) -m pytest -q -n 2 -rP tests/fuzz

kills: dev-env ## SIGKILL of real processes at random points
	@$(PARTS) run kills

cases: dev-env ## the numbered cases, each with its tests; ARGS=--missing, --family FMT; --raw: what passes on raw records counts not
	@$(PY) -m tools.cases $(ARGS)

bench: dev-env ## paired CPU ratios against gzip -1, pt-query-digest and pgBadger; ARGS=--quick for 20 MB
	@$(PY) benchmarks/bench.py $(ARGS)

proof: dev-env ## a release claim's counts: 1,000,000 schedules, 10,000 kills of each kind, 1,000,000 secrets a dialect (hours); KILLS=n
	@SCHEDULES=$(or $(SCHEDULES),1000000) KILLS=$(or $(KILLS),10000) PLANTED_SECRETS=1000000 \
	  $(PARTS) run --unbounded simulation mutations kills secrets distributed

engines: ## install what tests run against (apt: needs root; Maven, cargo); cached; FRESH=1 installs again
	@python3 -m tools.engines install $(if $(FRESH),--fresh)

snapshots: dev-env ## rewrite the expected records of the format fixtures; review the diff
	@$(PY) tools/snapshots.py

docs: dev-env ## write the generated parts of docs/ anew
	@$(PY) -m tools.docs

accept: dev-env ## run every "It is done when" line on a clean clone: make accept NAME=first-light, NAME=distributed
	@$(PY) -m tools.accept $(NAME) $(ARGS)
