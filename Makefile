# Plumbline: every task is a target. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# By default the stack of the last `make up`.
STACK ?= $(shell cat .lab/stack 2>/dev/null)
PYTHON := .venv/bin/python
# With it, Python compiles the program and the provider in each run.
unexport PYTHONDONTWRITEBYTECODE
ENV := eval "$$($(PYTHON) -m toolchain env)"
PULUMI := $(ENV); $(PYTHON) -m lab exec -- pulumi --non-interactive

.PHONY: help up down status preview plan plans drift kubectl doctor env classic graph packages tools lab check format test-fast test test-thorough test-vms test-ha test-conformance test-site forecast-check page-check docs reference flags clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/; s/[$$]{2}/$$/g' | expand -t 18

# Prints the report of what the command does. The engine's events never become a file: they may hold secrets.
REPORT := $(ENV); $(PYTHON) -m report.run
LAB_PULUMI := $(PYTHON) -m lab exec -- pulumi --non-interactive

# A node that fails does not keep the others from being updated; the run fails at the end.
# The engine previews a second time only if it has an approved plan to compare with, before it writes anything.
UP := up --yes --continue-on-error $(if $(PLAN),--plan $(abspath $(PLAN)),--skip-preview)
OVERRIDE := $(if $(filter override,$(BUDGET)),--override-budget)

up: packages tools ## start the machines of STACK (dev, small, hosts; by default what suits this machine), and run `pulumi up`; PLAN=file: as approved; BUDGET=override: whatever it disrupts
	@stack=$$($(PYTHON) -m lab choose $(STACK)); $(MAKE) --no-print-directory _up STACK=$$stack

.PHONY: _up
_up:
	$(PYTHON) -m lab up $(STACK)
	@$(PULUMI) stack select --create $(STACK)
	@$(ENV); $(PYTHON) -m toolchain unlock $(STACK)
	@$(REPORT) --log .lab/preview.log --json .lab/forecast.json $(OVERRIDE) -- $(LAB_PULUMI) preview --diff --stack $(STACK)
	@$(ENV); $(if $(PLAN),,exports=$$($(PYTHON) -m lab exec -- $(abspath $(PYTHON)) -m toolchain creation $(STACK)); eval "$$exports";) \
	  $(REPORT) --forecast .lab/forecast.json --log .lab/up.log --save plans $(OVERRIDE) -- $(LAB_PULUMI) $(UP) --stack $(STACK)
	@$(MAKE) --no-print-directory status STACK=$(STACK)

.PHONY: require-stack
require-stack:
	@test -n "$(STACK)" || { echo "no stack is running here: run make up, or set STACK=<stack>"; exit 1; }

down: require-stack tools ## run `pulumi destroy` on STACK and stop the lab; the build cache stays
	@$(ENV); $(PYTHON) -m toolchain unlock $(STACK)
	@if $(PULUMI) stack select $(STACK) 2>/dev/null; then \
	  $(PULUMI) destroy --yes --stack $(STACK) && $(PULUMI) stack rm --yes --preserve-config $(STACK) && \
	  { grep -q 'secure: ' Pulumi.$(STACK).yaml || sed -i '/^encryptionsalt: /d' Pulumi.$(STACK).yaml; }; fi
	$(PYTHON) -m lab down

status: require-stack tools ## read every node of STACK live, and print a table
	@$(PULUMI) stack output --stack $(STACK) --show-secrets --json machines | \
	  $(PYTHON) -m lab exec -- $(abspath $(PYTHON)) -m status

preview: require-stack tools ## report what `make up` would change on STACK, drift included; DIFF=1: in the engine's own words
	@$(if $(DIFF),$(PULUMI) preview --diff --suppress-outputs,$(REPORT) --log .lab/preview.log $(OVERRIDE) -- $(LAB_PULUMI) preview --diff) --stack $(STACK)

plan: require-stack tools ## save what `make preview` reports into OUT=file, to be approved: make up PLAN=file refuses nodes that changed since
	@test -n "$(OUT)" || { echo "set OUT=<file>"; exit 1; }
	@$(REPORT) --log .lab/preview.log $(OVERRIDE) -- $(LAB_PULUMI) preview --diff --save-plan $(abspath $(OUT)) --stack $(STACK)

drift: require-stack tools ## look for drift on STACK, read only, and list it; JSON=, MARKDOWN=, METRICS=file writes it there, too
	@$(ENV); $(PYTHON) -m report.watch $(JSON:%=--json %) $(MARKDOWN:%=--markdown %) $(METRICS:%=--metrics %) -- $(LAB_PULUMI) preview --stack $(STACK)

plans: .venv/installed ## list the saved reports of all runs of `make up`: forecast, outcome, page
	@$(PYTHON) -m report.saved plans

kubectl: require-stack tools ## run kubectl on STACK as admin: make kubectl ARGS="get nodes"
	@$(ENV); $(PYTHON) -m lab kubectl $(STACK) -- $(ARGS)

doctor: .venv/installed ## show what was found, what is used, and what is missing; NODES=1: on every node of STACK
	@$(if $(NODES),$(MAKE) --no-print-directory _doctor-nodes,$(PYTHON) -m toolchain doctor)

.PHONY: _doctor-nodes
_doctor-nodes: require-stack
	@{ $(ENV); $(PYTHON) -m lab exec -- pulumi --non-interactive stack output --stack $(STACK) --show-secrets --json machines 2>/dev/null || true; \
	  grep -q 'secure: ' Pulumi.$(STACK).yaml && $(PULUMI) config --stack $(STACK) --json --show-secrets || true; } | \
	  $(PYTHON) -m lab exec -- $(abspath $(PYTHON)) -m status.doctor $(STACK)

env: tools ## print the exports for plain `pulumi` in this folder: eval "$$(make env)"
	@$(PYTHON) -m toolchain env
	@$(PYTHON) -m lab env

classic: require-stack .venv/installed ## write the files of the 2018 series for the nodes of STACK into classic-STACK/
	@$(PYTHON) -m cluster.classic $(STACK)

graph: require-stack .venv/installed ## draw the plan of STACK as SVG into OUT=file (graph-STACK.svg): nodes, components, certificates, order
	@$(PYTHON) -m cluster.graph $(STACK) $(OUT)

packages: .venv/installed ## install the Debian packages that the lab needs
	@$(PYTHON) -m lab packages --install

.PHONY: test-packages
test-packages: .venv/installed
	@$(PYTHON) -m lab packages --install --tests

tools: .venv/installed ## find or build the Pulumi engine and plugins
	@$(PYTHON) -m toolchain install

lab: packages tools ## build the lab's artifacts and images; start nothing
	$(PYTHON) -m lab build

.venv/installed: requirements-dev.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Plumbline needs Python 3.11 or newer as python3")'
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# The tests that compare files with each other: words, links, versions, generated pages.
CONSISTENCY := tests/unit/test_style.py tests/unit/test_docs.py tests/unit/test_versions.py tests/unit/cluster/test_reference.py \
  tests/unit/cluster/config/test_reference.py tests/unit/nodestate/test_reference.py tests/unit/report/test_reference.py

check: .venv/installed ## lint, types, import layers, words, generated pages; in seconds
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) -m pytest -q $(CONSISTENCY)

format: .venv/installed ## format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

test-fast: .venv/installed ## unit tests and golden files, in less than a minute
	$(PYTHON) -m pytest -q tests/unit tests/golden

test: test-packages tools check ## unit, golden, engine and provider tests, and end-to-end tests on container hosts and VMs
	$(PYTHON) -m lab build
	go=$$($(PYTHON) -m toolchain go); for module in lifetime command; do (cd toolchain/$$module; "$$go" vet ./...; "$$go" test ./...); done
	$(ENV); $(PYTHON) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 25 tests/provider tests/engine tests/golden tests/unit $(THOROUGH:%=--ignore %) -m "not site"
	$(ENV); $(PYTHON) -m pytest --numprocesses 3 --dist loadfile --durations 6 tests/api -m "not thorough"
	$(ENV); $(PYTHON) -m pytest --durations 12 tests/e2e --ignore tests/e2e/site -m "not thorough and not ha and not conformance"

page-check: .venv/installed ## open the report's pages in Chromium: accessibility, width, no network; needs node; PICTURES=folder
	@$(PYTHON) -m tests.tools.pages $(PICTURES:%=--pictures %)

.PHONY: fuzz
fuzz: .venv/installed ## judge N random configurations (10000): each must give an error or a plan; SEED repeats a run
	@$(PYTHON) -m tests.fuzz --number $(or $(N),10000) --seed "$(SEED)"

ROUNDS ?= 50
HOSTS ?= 10
.PHONY: chaos leak-check
chaos: test-packages tools ## kill or cut off ROUNDS updates (50) of HOSTS container hosts (10) at random moments: each next run converges
	@$(ENV); $(PYTHON) -m tests.chaos --rounds $(ROUNDS) --hosts $(HOSTS) --seed "$(SEED)"

leak-check: test-packages tools ## search all that a run prints, stores and starts for its secrets; PLANT=1 plants one, which must be found
	@$(ENV); $(PYTHON) -m tests.chaos.leaks $(if $(PLANT),--plant)

# Provider tests on several hosts that take minutes each.
THOROUGH := tests/provider/test_forecast.py tests/provider/test_etcd_members.py

test-thorough: test-packages tools ## the slowest tests: three etcd members, planted faults of the forecast check, an API server with open watches
	$(PYTHON) -m lab build
	$(ENV); $(PYTHON) -m pytest $(THOROUGH)
	$(ENV); $(PYTHON) -m pytest tests/api -m thorough

test-vms: test-packages tools ## every end-to-end scenario on VMs, including those that `make test` runs on container hosts only
	$(PYTHON) -m pytest tests/e2e/test_stack_vms.py tests/e2e/test_cluster_vms.py

test-ha: test-packages tools ## three control-plane nodes on container hosts: lose each in turn, renew all certificates
	$(PYTHON) -m pytest tests/e2e/test_ha_hosts.py tests/e2e/test_stack_hosts.py -m ha

test-site: test-packages tools ## settings that real sites need, each on container hosts
	$(PYTHON) -m lab build
	$(ENV); $(PYTHON) -m pytest -m site tests/provider
	$(ENV); $(PYTHON) -m pytest tests/e2e/site

test-conformance: test-packages tools ## specs of Kubernetes' end-to-end tests, and the CIS benchmark, on container hosts
	$(PYTHON) -m pytest tests/e2e/test_conformance.py


forecast-check: test-packages tools $(if $(RIVAL),.venv-rival/installed) ## mutate real nodes N times, compare each preview with its update (SEED=, PLANT=, RIVAL=)
	$(ENV); $(PYTHON) -m tests.forecast --seed $(or $(SEED),1) --count $(or $(N),200) $(if $(PLANT),--plant $(PLANT)) $(if $(RIVAL),--services --rival $(RIVAL))

.PHONY: bench
bench: packages tools .venv-rival/installed ## all that docs/performance.md shows, in an hour or two of a quiet machine: hosts, bring-up, failover; into OUT=folder
	@$(PYTHON) -m bench.hosts --nodes "$(or $(N),4 48 200)" --changes 3 --out $(or $(OUT),bench-results)
	@$(PYTHON) -m bench.up --runs $(or $(RUNS),3) --out $(or $(OUT),bench-results)
	@$(PYTHON) -m bench.failover --out $(or $(OUT),bench-results)

.PHONY: bench-hosts
bench-hosts: tools .venv-rival/installed ## time us, Ansible and ssh on N simulated hosts ("4 48"), side by side; table and chart into OUT=folder
	@$(PYTHON) -m bench.hosts --nodes "$(or $(N),4 48)" --out $(or $(OUT),bench-hosts)

.PHONY: bench-up
bench-up: packages tools ## time the bring-up of 3 + 1 container hosts by us and by kubeadm RUNS times (3), in turn; table into OUT=folder
	@$(PYTHON) -m bench.up --runs $(or $(RUNS),3) --out $(or $(OUT),bench-up)

.PHONY: bench-failover
bench-failover: packages tools ## measure how long leases and writes pause when a control-plane node is lost: ours, and kubeadm's; table into OUT=folder
	@$(PYTHON) -m bench.failover --runs $(or $(RUNS),1) --out $(or $(OUT),bench-failover)

.venv-rival/installed: requirements-rival.txt
	python3 -m venv .venv-rival
	.venv-rival/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-rival.txt
	@touch $@

reference: .venv/installed ## generate the reference pages, the schema for editors and the keys in Pulumi.yaml
	$(PYTHON) -m cluster.reference
	$(PYTHON) -m cluster.config.reference
	$(PYTHON) -m nodestate.reference > docs/reference/nodestate.md
	$(PYTHON) -m report.reference > docs/reference/report.md
	$(PYTHON) -m tests.tools.plan_examples

flags: .venv/installed ## ask the control plane's programs for their flags, and write cluster/config/flags
	$(PYTHON) -m tests.tools.flags

docs: .venv-docs/installed ## build the documentation site into site/, strictly
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict

.venv-docs/installed: requirements-docs.txt
	python3 -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.txt
	@touch $@

clean: ## remove the files of this checkout, not the build cache
	rm -rf .venv .venv-rival .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
