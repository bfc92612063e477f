# Every target sets up what it needs; the second time that is quick, silent and offline.
.DEFAULT_GOAL := help
# Set-up comes before what uses it, also under `make -j`.
.NOTPARALLEL:

BIN := .venv/bin
# The part that also runs on Python 3.9, as in pyproject.toml.
PY39 := kiosk/vision kiosk/config kiosk/commands $(foreach module,__init__ __main__ cli clock errors \
	service strict terms,kiosk/$(module).py)

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install everything: Debian packages, .venv, models, demo footage
	@deploy/setup.sh

.PHONY: tools
tools:
	@deploy/setup.sh tools

.PHONY: demo
demo: ## Run the whole of it at your desk, on sample footage
	@deploy/setup.sh demo
	@$(BIN)/kiosk demo

.PHONY: check
check: tools ## Lint, types, architecture, Python 3.9 part, documentation: seconds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/vermin --quiet --violations -t=3.9- --no-eval-annotations $(PY39)
	$(BIN)/pytest tests/docs

.PHONY: test
test: setup check ## Check, then run every test that takes seconds
	$(BIN)/pytest -m "not long" -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: test-long
test-long: setup ## Run the tests that take minutes
	$(BIN)/pytest -m long --ignore=tests/appliance --ignore=tests/machine

.PHONY: test-systemd
test-systemd: setup ## As root: releases, isolation and a late disk on a booted systemd: five minutes
	$(BIN)/pytest -m long tests/long/test_isolation.py tests/long/test_late_units.py \
		tests/long/test_release_systemd.py

.PHONY: bundle
bundle: ## Build what a device installs without internet, for x86_64 and aarch64, into dist/
	@deploy/setup.sh bundle
	@deploy/bundle/bundle.sh

.PHONY: test-appliance
test-appliance: bundle ## As root: provision a head office and two devices in containers, and try them
	@deploy/setup.sh
	$(BIN)/pytest -m long tests/appliance

.PHONY: test-machine
test-machine: setup ## As root: camera, watchdog and power cuts on an emulated machine
	$(BIN)/pytest -m long tests/machine

.PHONY: schemas
schemas: tools ## Write the JSON Schemas of the wire and of campaigns to deploy/schemas
	@$(BIN)/kiosk schemas deploy/schemas

# Only what the public index publishes may be locked: a local mirror's own builds have other hashes,
# and headers would name it. The other locks start from dev.txt, so that all agree on each version
# and no hash is asked for twice.
# Left out, and therefore installed with --no-deps: OpenVINO's telemetry, which reports to its maker
# unless it is absent.
PIP_COMPILE := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --no-config --quiet \
	--generate-hashes --strip-extras --annotate --unsafe-package openvino-telemetry \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.PHONY: lock
lock: ## Pin every Python package and its hashes (UPGRADE=1: to the newest)
	@test -x $(BIN)/pip-compile || deploy/setup.sh tools
	$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) --extra device --extra central --extra models \
		--extra bench --extra dev -o requirements/dev.txt pyproject.toml
	@for lock in device central models build deploy; do \
		cp requirements/dev.txt requirements/$$lock.txt; done
	$(PIP_COMPILE) --extra device -o requirements/device.txt pyproject.toml
	$(PIP_COMPILE) --extra central -o requirements/central.txt pyproject.toml
	$(PIP_COMPILE) --extra device --extra models -o requirements/models.txt pyproject.toml
	$(PIP_COMPILE) --extra deploy -o requirements/deploy.txt pyproject.toml
	$(PIP_COMPILE) --only-build-deps --all-build-deps -o requirements/build.txt pyproject.toml
