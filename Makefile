# Everything a person does here. `make up` is the first thing to type; `make test` proves it all.
GO      ?= go
NAME    ?= dev
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X github.com/slipway-dev/slipway/internal/cli.version=$(VERSION)

.PHONY: build up down test unit real e2e verify cross bench bench-up

build: ## bin/slipway
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/slipway ./cmd/slipway

up: build ## a cluster on this machine
	@bin/slipway up $(NAME)

down: ## and away with it
	@bin/slipway down $(NAME)

test: verify unit cross real e2e ## all of it

unit: ## milliseconds each, no cluster
	$(GO) test ./...

real: build ## the libraries against the release's real programs; needs root
	@bin/slipway release build
	@hack/real

e2e: build ## real clusters; needs root
	$(GO) test -count=1 -timeout 60m -tags e2e -v ./e2e/...

verify: ## formatting, vet, staticcheck, generated files
	@hack/verify

cross: ## slipway builds for every platform it is for
	@hack/cross

bench: build ## measured beside upstream kubeadm: start-up in turn, idle side by side
	$(GO) test -count=1 -timeout 60m -tags bench -v ./e2e/bench/...

bench-up: build ## start-up only
	$(GO) test -count=1 -timeout 60m -tags bench -v -run TestUp ./e2e/bench/...
