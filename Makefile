# Everything a newcomer runs. Each target does its own set-up: packages from the lock file, test binaries in a cache outside
# the clone (${XDG_CACHE_HOME:-~/.cache}/multi-nic). `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# Programs start twice as fast, and the tests start thousands.
export NODE_COMPILE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/multi-nic/compiled

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test unit lint format build images manifests release bench setup clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## Bring up three nodes, install the system, give pods their NICs, ping over each (KEEP=1 leaves it running)
	@node test/demo/main.ts $(if $(KEEP),--keep)

demo-down: node_modules/.installed ## End the demo that KEEP=1 left running
	@node test/demo/main.ts --down

test: setup lint ## Run every test: unit, real API server, real nodes, User-Mode Linux (SUITE=names, JOBS=how many at once)
	@node test/main.ts $(if $(JOBS),--jobs $(JOBS)) $(SUITE)

unit: node_modules/.installed ## Run the unit tests only: no root, no cluster, a few seconds
	@node test/main.ts unit

bench: setup ## Run every benchmark beside its baseline (BENCH=name runs one of bench/); rows in bench/results.json
	@node bench/main.ts $(BENCH)

lint: node_modules/.installed ## Check types, lint rules, import layers and formatting
	@tsc
	@eslint .
	@prettier --check --log-level warn .

format: node_modules/.installed ## Put every file into the project's format
	@prettier --write --log-level warn .
	@eslint --fix .

build: setup ## Build the CNI executable (dist/multi-nic)

images: node_modules/.installed ## Build the images of webhook and agent (dist/images/multi-nic.tar), without a container engine
	@node images/build.ts
	@echo "load them:     docker load --input dist/images/multi-nic.tar    (or podman load, or ctr --namespace k8s.io images import)"
	@echo "or build them: docker build -f images/Containerfile --target webhook -t REGISTRY/multi-nic-webhook:VERSION .    (and agent)"

manifests: node_modules/.installed ## Render every overlay of manifests/ to its install.yaml
	@node build/manifests.ts

release: node_modules/.installed ## Write a version everywhere (VERSION=0.2.0); docs/releasing.md has the other steps
	@test -n "$(VERSION)" || { echo "make: which version? make release VERSION=0.2.0"; exit 1; }
	@npm version "$(VERSION)" --no-git-tag-version > /dev/null
	@node build/release.ts
	@node build/manifests.ts

setup: node_modules/.installed
	@node test/setup/main.ts

node_modules/.installed: package.json package-lock.json
	@command -v npm > /dev/null || { echo "make: npm is missing; install Node.js 20 or later (Debian: apt-get install npm)"; exit 1; }
	@echo "• installing packages"
	@npm ci --no-progress --loglevel=error
	@touch $@

clean: ## Remove what was built in the clone; the cache outside stays (rm -rf ~/.cache/multi-nic removes it)
	rm -rf node_modules dist .run
