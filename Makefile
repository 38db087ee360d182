# Every task of this repository. `make` alone lists them. Needs git, make and either npm or curl; Bun is fetched
# in its pinned version unless it is on the PATH already.

BUN_VERSION := 1.4.5
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SYSTEM_BUN := $(shell command -v bun 2>/dev/null)
ifeq ($(shell [ -n "$(SYSTEM_BUN)" ] && bun --version 2>/dev/null),$(BUN_VERSION))
BUN := $(SYSTEM_BUN)
else
BUN := $(CURDIR)/.tools/bun-$(BUN_VERSION)
endif

COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)$(shell [ -z "$$(git status --porcelain --untracked-files=no 2>/dev/null)" ] || echo +changes)
SOURCES := $(shell find src sql -type f 2>/dev/null) package.json

# Worker entries are entries of their own; nothing of the folder that the binary is started in configures it. Bytecode
# spares each start, of commands, threads and conversion children alike, the parsing of all modules.
COMPILE = --compile --bytecode --format=esm --root src src/main.ts src/worker/thread.ts src/db/embedded/thread.ts --no-compile-autoload-dotenv \
  --no-compile-autoload-bunfig --minify-syntax --sourcemap --define 'SLUICE_COMMIT="$(COMMIT)"'

.PHONY: help demo test test-services test-hostile test-faults check format build bench docs release clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | awk -F'|' '{printf "  %-15s %s\n", $$1, $$2}'

demo: build ## build, ingest the sample folder in a scratch directory, and search it
	@test/demo/run dist/sluice

test: node_modules dist/sluice check ## check, then all tests that need nothing but this repository
	@$(BUN) test/support/run_tests.ts

test-services: node_modules dist/sluice ## tests against real services: TEST_DATABASE_URL and TEST_S3_* must be set
	@: "$${TEST_DATABASE_URL:?set TEST_DATABASE_URL and TEST_S3_ENDPOINT to run against real services}"
	@$(BUN) test/support/run_tests.ts --services

test-faults: node_modules dist/sluice ## kill, starve and cut off the binary on the services of test-services (SEED=…, SCENARIOS="…")
	@: "$${TEST_DATABASE_URL:?set TEST_DATABASE_URL and TEST_S3_ENDPOINT to services that may be loaded}"
	@$(BUN) test/faults/run.ts dist/sluice $(SCENARIOS)

test-hostile: node_modules dist/sluice ## hostile documents and seeded mutations (HOSTILE_CORPUS=folder, HOSTILE_CASES=200, SEED=)
	@$(BUN) test/hostile/run.ts dist/sluice

check: node_modules ## format, lint, types and structure rules
	@node_modules/.bin/biome check --error-on-warnings .
	@node_modules/.bin/tsc -p .
	@$(BUN) test test/structure.test.ts

format: node_modules ## rewrite files in the common format
	@node_modules/.bin/biome check --write .

build: dist/sluice ## one executable: dist/sluice

dist/sluice: node_modules $(SOURCES)
	@mkdir -p dist && echo "compiling dist/sluice"
	@$(BUN) build $(COMPILE) --outfile $@ >/dev/null
	@ls -l $@ | awk '{printf "built %s, %d MB\n", $$9, $$5 / 1048576}'

BENCH := $(BUN) test/bench/run.ts $(if $(FILES),--files $(FILES)) $(if $(DOCX),--docx $(DOCX)) $(if $(PDF),--pdf $(PDF)) $(if $(IR),--ir $(IR)) $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench: dist/sluice test/bench/peers/node_modules ## all benchmarks beside their peers, about two hours; FILES= DOCX= PDF= IR= name folders, ROUNDS= how often
	@: "$${TEST_DATABASE_URL:?set TEST_DATABASE_URL, and TEST_S3_* for an object store}"
	@$(BENCH)

bench-quick: dist/sluice test/bench/peers/node_modules ## the same with small sizes, for a first look
	@: "$${TEST_DATABASE_URL:?set TEST_DATABASE_URL, and TEST_S3_* for an object store}"
	@$(BENCH) --quick

docs: node_modules ## write the pages that are generated from the sources
	@$(BUN) test/docs/troubleshooting.ts

# linux-x64 and linux-arm64 need glibc 2.17 or newer; the musl ones libstdc++ (apk add libstdc++).
RELEASES := linux-x64 linux-arm64 linux-x64-musl linux-arm64-musl darwin-arm64
VERSION = $(shell sed -n 's/^  "version": "\(.*\)",/\1/p' package.json)
RELEASED_AT = $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

release: node_modules ## all platforms, with checksums and a bill of materials, in dist/release
	@rm -rf dist/release && mkdir -p dist/release
	@$(BUN) test/release/sbom.ts >dist/release/sluice-$(VERSION).cdx.json
	@for platform in $(RELEASES); do \
	  name=sluice-$(VERSION)-$$platform; mkdir -p dist/release/$$name; \
	  $(BUN) build $(COMPILE) --target=bun-$$platform --outfile dist/release/$$name/sluice >dist/release/log 2>&1 || { \
	    cat dist/release/log; \
	    echo "cannot build $$platform: Bun fetches the runtime of other platforms from the npm registry; is it reachable?"; exit 1; }; \
	  rm -f dist/release/$$name/*.map; cp LICENSE README.md dist/release/$$name/; \
	  tar -C dist/release --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(RELEASED_AT) -cf - $$name | gzip -n9 >dist/release/$$name.tar.gz; \
	  rm -r dist/release/$$name dist/release/log; \
	  ls -l dist/release/$$name.tar.gz | awk '{printf "%s, %d MB\n", $$9, $$5 / 1048576}'; \
	done
	@cd dist/release && sha256sum * >SHA256SUMS && echo "dist/release/SHA256SUMS, $$(wc -l <SHA256SUMS) files"

clean: ## remove what was built, not what was fetched
	@rm -rf dist

node_modules: package.json bun.lock $(BUN)
	@echo "installing packages"
	@$(BUN) install --frozen-lockfile --silent
	@touch $@

test/bench/peers/node_modules: test/bench/peers/package.json test/bench/peers/bun.lock node_modules
	@echo "installing what the benchmarks compare with"
	@$(BUN) install --cwd test/bench/peers --frozen-lockfile --silent
	@touch $@

# npm first: it is there wherever Node is. Either way the exact version.
$(CURDIR)/.tools/bun-$(BUN_VERSION):
	@mkdir -p .tools
	@if command -v npm >/dev/null; then \
	  echo "fetching Bun $(BUN_VERSION) with npm"; \
	  npm install --prefix .tools --no-save --no-audit --no-fund --loglevel=error bun@$(BUN_VERSION) >/dev/null; \
	  .tools/node_modules/.bin/bun --version >/dev/null 2>&1 || node .tools/node_modules/bun/install.js; \
	  ln -sf node_modules/.bin/bun $@; \
	else \
	  echo "fetching Bun $(BUN_VERSION) with curl"; \
	  curl -fsSL https://bun.sh/install | BUN_INSTALL=$(CURDIR)/.tools bash -s bun-v$(BUN_VERSION) >/dev/null; \
	  ln -sf bin/bun $@; \
	fi
	@$@ --version >/dev/null
