# Every target works from a fresh clone. FUZZTIME is how long make fuzz spends on each target.
FUZZTIME ?= 10s

.DEFAULT_GOAL := help
.PHONY: help test demo lint cover fuzz generate bench fmt

help: ## list the targets
	@sed -n 's/^\([a-z]*\): ## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 12

test: ## vet every module and run its tests under the race detector
	@set -eu; for dir in $$(scripts/modules.sh); do \
		echo "-- $$dir: go vet, go test -race"; \
		(cd "$$dir" && go vet ./... && go test -race -timeout 15m ./...); \
	done

demo: ## run the key-value store on its sample script
	cd examples/kvstore && go run . demo < testdata/demo.txt

lint: ## gofmt, go vet, staticcheck, structural rules
	scripts/lint.sh

cover: ## statement coverage of the core, profile in coverage.out
	scripts/cover.sh coverage.out

fuzz: ## run every fuzz target for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME)

generate: ## rewrite raftpb/raft.pb.go and its twin in the tests from raftpb/raft.proto (needs protoc)
	scripts/generate.sh

bench: ## run the benchmarks of the root module
	go test -run '^$$' -bench . -benchmem ./...

fmt: ## format every Go file
	gofmt -l -w .
