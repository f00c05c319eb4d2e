# What a developer and a user call. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
# Where the installers of Rust and Go put them, for shells that were not told.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin
CORE_SOURCES := $(shell find core/src core/Cargo.toml core/Cargo.lock -type f 2>/dev/null)

.PHONY: help build run demo test test-core e2e bench lint format docs record clean

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: .venv/.built ## Make .venv with the package, its core and the development tools

.venv/.built: pyproject.toml requirements.lock scripts/build $(CORE_SOURCES)
	@MAKEFLAGS= scripts/build
	@touch $@

run: build ## Serve the default configuration on loopback
	.venv/bin/enricher run

demo: build ## Serve, feed recorded traffic of real SDKs, show it live for half a minute
	.venv/bin/enricher demo

test: ## Unit, boundary, golden and integration tests, and those of the core
	@$(MAKE) --no-print-directory --jobs=2 build test-core
	$(PYTHON) -m pytest -q -n auto --maxprocesses 4 --dist worksteal tests --ignore=tests/e2e

# Beside `build`, whose last step keeps one processor busy for a minute.
test-core:
	@MAKEFLAGS= cargo test --quiet --tests --manifest-path core/Cargo.toml

e2e: build ## The real process with real SDKs, a real Collector, Jaeger and Prometheus
	$(PYTHON) -m pytest -q tests/e2e

bench: build ## Spans per CPU-second beside the ceiling and the peers
	$(PYTHON) -m bench

lint: build ## ruff, mypy, clippy, rustfmt, yamllint, chart and configuration checks
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	cargo fmt --check --manifest-path core/Cargo.toml
	cargo clippy --quiet --all-targets --manifest-path core/Cargo.toml -- -D warnings
	.venv/bin/yamllint --strict .
	$(PYTHON) helm/lint.py
	for file in pipelines/*.yaml collector-config/*/enricher.yaml; do .venv/bin/enricher check --tests -c $$file; done

format: build ## Rewrite Python and Rust in the house format
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	cargo fmt --manifest-path core/Cargo.toml

docs: build ## Write the generated pages anew
	$(PYTHON) -m enricher.config.reference > docs/configuration.md
	$(PYTHON) -m enricher.measure.reference > docs/metrics.md
	$(PYTHON) -m enricher.normalize.docs > docs/dialects.md
	$(PYTHON) -m tests.comparison.page > docs/prices.md

record: build ## Record real SDK traffic anew (installs each SDK; minutes)
	$(PYTHON) tests/recordings/record.py
	$(PYTHON) tests/recordings/pack_demo.py

clean: ## Remove what the build made
	rm -rf .venv core/target enricher/_core*.so
