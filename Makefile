# Everything a person does here. `make up` is the first thing to type; `make test` proves it all.
GO      ?= go
NAME    ?= dev
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X github.com/slipway-dev/slipway/internal/cli.version=$(VERSION)

.PHONY: build up down test unit e2e verify bench bench-up cross fmt

build: ## bin/slipway
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/slipway ./cmd/slipway

up: build ## a cluster on this machine
	bin/slipway up $(NAME)

down: ## and away with it
	bin/slipway down $(NAME)

test: unit verify cross e2e ## all of it

unit: ## milliseconds each, no cluster
	$(GO) test ./...

e2e: build ## real clusters; needs root
	$(GO) test -count=1 -timeout 60m -tags e2e -v ./e2e/...

verify: ## formatting, vet, staticcheck, generated files
	hack/verify

cross: ## slipway builds for every platform it is for
	hack/cross

bench: bench-up ## measured beside peers

bench-up: build ## `up` against upstream kubeadm, in turn
	$(GO) test -count=1 -timeout 60m -tags bench -v -run TestUp ./e2e/bench/...
