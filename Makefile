# The few commands that a person types. Each can be run again after a crash and continues where it stopped.
#
#   STACK   dev, testbed or prod; without it `make up` chooses, and the other commands take the stack brought up last
#   FORCE   1: `make down` does not ask
#   ARGS    more arguments for the pulumi, cdc or pytest command behind a target

STACK ?=
FORCE ?=
ARGS ?=

BIN := .venv/bin
CDC := $(BIN)/cdc
stack := $(if $(STACK),--stack $(STACK))
args := $(if $(ARGS),--args '$(ARGS)')

# From fast to slow; the last one takes the tests' stack down.
TEST_ORDER := tests/unit tests/contract tests/integration tests/chaos tests/destroy

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help bootstrap up preview status smoke demo screenshot reconcile down env test test-reconcile-million test-rotation \
	test-alerts test-evolution test-faults-long test-tls bench check test-java

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-23s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@sed -n 's/^#   /  /p' $(MAKEFILE_LIST)

bootstrap: ## make the Python environment (.venv) from the lock
	@scripts/bootstrap.sh

up: bootstrap ## bring the pipeline up from nothing and check it with rows of its own
	@$(CDC) up $(stack) $(args)

preview: bootstrap ## show what `make up` would change; needs no service
	@$(CDC) preview $(stack) $(args)

status: bootstrap ## show services, connectors, figures and alerts; fails when something is wrong
	@$(CDC) status $(stack) $(ARGS)

smoke: bootstrap ## write, change and delete rows and measure when PostgreSQL shows it
	@$(CDC) smoke $(stack) $(ARGS)

demo: bootstrap ## write a stream of demo rows (ARGS='--rate 50 --duration 300')
	@$(CDC) demo $(stack) $(ARGS)

screenshot: bootstrap ## put demo load on the stack and take the picture of Prometheus' graphs in docs/metrics.md
	@$(CDC) screenshot $(stack) $(ARGS)

reconcile: bootstrap ## compare both databases and repair (ARGS='run --table shop.users', 'status', 'run --help')
	@$(CDC) reconcile $(stack) -- $(ARGS)

down: bootstrap ## delete the stack with its data; asks first
	@$(CDC) down $(stack) $(if $(filter 1 yes true,$(FORCE)),--force)

env: bootstrap ## print the variables for using pulumi itself: eval "$(make -s env)"
	@$(CDC) env

check: bootstrap ## lint, types, unit tests with coverage
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/pytest tests/unit --quiet --cov=components --cov=infra --cov-report=term $(ARGS)

test-java: bootstrap ## test the Java parts with Maven
	@$(CDC) test-java

test: test-java ## all tests, also on a bare machine; brings up the testbed
	@$(CDC) prepare
	@eval "$$($(CDC) env)" && $(BIN)/pytest $(TEST_ORDER) --cov=components --cov=infra --cov-report=term --durations=20 $(ARGS)

test-reconcile-million: bootstrap ## the reconcile fault tests on 1,000,000 rows, with 10 runs for false alarms; takes long
	@$(CDC) prepare
	@eval "$$($(CDC) env)" && CDC_TEST_RECONCILE_ROWS=1000000 CDC_TEST_RECONCILE_RUNS=10 \
		$(BIN)/pytest tests/integration/test_reconcile_faults.py -s $(ARGS)

test-alerts: bootstrap ## stop each service and see it named; half an hour under load without an alert; takes long
	@$(CDC) prepare
	@eval "$$($(CDC) env)" && CDC_TEST_EVERY_SERVICE=1 CDC_TEST_QUIET_SECONDS=1800 \
		$(BIN)/pytest tests/integration/test_alerts_fire.py -s $(ARGS)

test-rotation: bootstrap ## passwords that change every 20 s for 10 minutes under a steady writer; make test has a short form
	@$(CDC) prepare
	@eval "$$($(CDC) env)" && CDC_TEST_ROTATION_SECONDS=600 $(BIN)/pytest tests/chaos/test_rotation.py -s $(ARGS)

test-tls: bootstrap ## the end-to-end tests on a stack of its own with TLS and logins; takes it down in the end
	@$(CDC) prepare
	@eval "$$($(CDC) env)" && CDC_TEST_TLS=1 CDC_TEST_STACK=tls CDC_TEST_PORT_OFFSET=$${CDC_TEST_PORT_OFFSET:-1500} \
		$(BIN)/pytest tests/integration/test_stack.py tests/integration/test_semantics.py \
		tests/integration/test_transport_security.py tests/destroy $(ARGS)

test-evolution: bootstrap ## every rule of docs/schema-evolution.md while a writer runs; make test tries two of them
	@$(CDC) prepare
	@eval "$$($(CDC) env)" && CDC_TEST_EVERY_RULE=1 $(BIN)/pytest tests/integration/test_schema_evolution.py $(ARGS)

test-faults-long: bootstrap ## 100 bad rows among 10,000 good ones, and outages of 60 s
	@$(CDC) prepare
	@eval "$$($(CDC) env)" && CDC_TEST_BAD_ROWS_EACH_KIND=10 CDC_TEST_OUTAGE_SECONDS=60 \
		$(BIN)/pytest tests/integration/test_dead_letters.py tests/chaos/test_transient_faults.py -s $(ARGS)

bench: bootstrap ## measure latency, throughput, recovery and reconcile (ARGS=tests/bench/reconcile)
	@$(CDC) prepare
	@eval "$$($(CDC) env)" && $(BIN)/pytest -m bench -s $(ARGS)
