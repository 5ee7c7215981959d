# Plumbline: every task is one target. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The stack that `up` has chosen last, or was told.
STACK ?= $(shell cat .lab/stack 2>/dev/null)
PYTHON := .venv/bin/python
PULUMI := eval "$$($(PYTHON) -m toolchain env)"; $(PYTHON) -m lab exec -- pulumi --non-interactive
CHECKED := __main__.py cluster components provider lab toolchain tests

.PHONY: help up down status preview doctor env classic packages tools lab check format test-fast test test-vms test-ha test-conformance clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

up: packages tools ## bring up STACK (dev, small, hosts; else what this machine carries) from nothing, and converge it
	@stack=$$($(PYTHON) -m lab choose $(STACK)); $(MAKE) --no-print-directory brought STACK=$$stack

.PHONY: brought
brought:
	$(PYTHON) -m lab up $(STACK)
	@$(PULUMI) stack select --create $(STACK)
	@$(PULUMI) up --yes --stack $(STACK)
	@$(MAKE) --no-print-directory status STACK=$(STACK)

.PHONY: chosen
chosen:
	@test -n "$(STACK)" || { echo "no stack was brought up here: run make up, or say STACK=<stack>"; exit 1; }

down: chosen tools ## destroy STACK and stop the lab; leaves only the build cache
	@if $(PULUMI) stack select $(STACK) 2>/dev/null; then \
	  $(PULUMI) destroy --yes --stack $(STACK) && $(PULUMI) stack rm --yes --preserve-config $(STACK) && \
	  { grep -q 'secure: ' Pulumi.$(STACK).yaml || sed -i '/^encryptionsalt: /d' Pulumi.$(STACK).yaml; }; fi
	$(PYTHON) -m lab down

status: chosen tools ## read every node of STACK live and print a table
	@$(PULUMI) stack output --stack $(STACK) --show-secrets --json machines | \
	  $(PYTHON) -m lab exec -- $(abspath $(PYTHON)) -m provider.status

preview: chosen tools ## what `up` would change on STACK, to the line, drift included
	@$(PULUMI) preview --diff --stack $(STACK)

doctor: .venv/installed ## what was found, what will be used, what is missing
	@$(PYTHON) -m toolchain doctor

env: tools ## what to export so that plain `pulumi` works here: eval "$$(make env)"
	@$(PYTHON) -m toolchain env
	@$(PYTHON) -m lab env

classic: .venv/installed ## print what the 2018 series put on the nodes of STACK into classic-STACK/
	@test -n "$(STACK)" || { echo "say which stack: make classic STACK=<stack>"; exit 1; }
	@$(PYTHON) -m cluster.classic $(STACK)

packages: .venv/installed ## install the Debian packages the lab needs
	@$(PYTHON) -m lab packages --install

tools: .venv/installed ## find or build the Pulumi engine and plugins
	@$(PYTHON) -m toolchain install

lab: packages tools ## build the lab's artifacts and images, start nothing
	$(PYTHON) -m lab build

.venv/installed: requirements-dev.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Plumbline needs Python 3.11 or newer as python3")'
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

check: .venv/installed ## lint, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: .venv/installed ## put the code into shape
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

test-fast: .venv/installed ## the inner loop: pure tests and golden files, under a minute
	$(PYTHON) -m pytest -q tests/unit tests/golden

test: packages tools check ## unit, golden, engine, provider, and e2e on real container hosts and VMs
	$(PYTHON) -m lab build
	cd toolchain/command && go vet ./... && go test ./...
	eval "$$($(PYTHON) -m toolchain env)"; $(PYTHON) -m pytest --numprocesses 2 --dist loadfile tests/unit tests/golden tests/engine tests/provider
	eval "$$($(PYTHON) -m toolchain env)"; $(PYTHON) -m pytest --durations 12 tests/e2e -m "not thorough and not ha and not conformance"

test-vms: packages tools ## every scenario on VMs, also those that `make test` runs on container hosts only
	$(PYTHON) -m pytest tests/e2e/test_stack_vms.py

test-ha: packages tools ## three control-plane nodes on container hosts: each lost in turn, all certificates renewed
	$(PYTHON) -m pytest tests/e2e/test_ha_hosts.py tests/e2e/test_stack_hosts.py -m ha

test-conformance: packages tools ## specs of Kubernetes' own end-to-end tests, and the CIS benchmark, on container hosts
	$(PYTHON) -m pytest tests/e2e/test_conformance.py

clean: ## remove what this checkout made (not the build cache)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
