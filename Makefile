# Garrigue. `make run` and `make test` do everything on a machine with Go, Node and make.

GO      ?= go
NPM     ?= npm
NODE    ?= node
export CGO_ENABLED = 0

ADDR    ?= 127.0.0.1:8080
ASSETS  := internal/portal/assets/manifest.json
FRONT   := $(shell find web/src -type f 2>/dev/null) web/build.mjs
TOOL    := $(GO) tool -modfile=tools/go.mod

.PHONY: run build web test test-go test-browser check bench fuzz generate clean

run: build
	./bin/garrigue demo --addr $(ADDR)

build: web
	$(GO) build -trimpath -ldflags=-s -o bin/garrigue ./cmd/garrigue

# The front end: packages by npm with their lock file, bundled by esbuild, then embedded.
web: $(ASSETS)

web/node_modules/.installed: web/package-lock.json
	cd web && $(NPM) ci --no-audit --no-fund --loglevel=error
	touch $@

$(ASSETS): web/node_modules/.installed $(FRONT)
	cd web && $(NODE) build.mjs

test: build
	scripts/install-test-deps.sh
	$(MAKE) test-go test-browser

test-go:
	$(GO) test -timeout 20m ./...

test-browser: build
	cd web && GARRIGUE_BIN=$(CURDIR)/bin/garrigue $(NODE) --test --test-reporter=spec test/*.test.mjs

# Formatting, vet, staticcheck, generated files, import table, contrasts, vulnerabilities.
check: web
	scripts/check.sh

bench:
	scripts/bench.sh

# A minute of fuzzing for every fuzz target.
fuzz:
	scripts/fuzz.sh

generate: PAGE = docs/guide/controles.md
generate:
	GARRIGUE_LANG=fr $(GO) run ./cmd/garrigue checks --markdown > $(PAGE).new && mv $(PAGE).new $(PAGE)
	$(GO) tool templ generate -path internal/portal

clean:
	rm -rf bin web/node_modules
	find internal/portal/assets -mindepth 1 ! -name .keep -delete
