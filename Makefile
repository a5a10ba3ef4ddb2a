# Every target works from a fresh clone. FUZZTIME is how long make fuzz spends on each target.
FUZZTIME ?= 10s
# SEEDS and EVENTS are how much make sim runs.
SEEDS ?= 600
EVENTS ?= 20000
# DEMOFLAGS are what make demo passes on, such as --once, which ends after the first write and read.
DEMOFLAGS ?=
# CHAOSTIME is how long make chaos runs, and CHAOSFLAGS are what it passes on, such as -seed 7.
CHAOSTIME ?= 10m
CHAOSFLAGS ?=
# BENCHFLAGS are what make bench passes on, such as -write; bench/README.md lists them.
BENCHFLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help test demo simple chaos sim model mutants lint cover fuzz generate bench bench-go bench-smoke fmt

help: ## list the targets
	@sed -n 's/^\([a-z-]*\): ## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 12

test: ## vet every module and run its tests under the race detector
	scripts/test.sh

demo: ## start a key-value store of three processes, write and read, and serve its dashboard until Ctrl-C
	cd examples/kvstore && go run . demo $(DEMOFLAGS)

simple: ## run the small in-process key-value store on its sample script
	cd examples/simple && go run . demo < testdata/demo.txt

chaos: ## torment a key-value store of five processes for CHAOSTIME and check what its clients saw
	cd examples/kvstore && go run ./chaos/cmd/chaos -duration $(CHAOSTIME) $(CHAOSFLAGS)

sim: ## run SEEDS simulated groups of 3, 5 and 7 members, EVENTS events each
	go run ./rafttest/cmd/raftsim -seeds $(SEEDS) -events $(EVENTS) -nodes 3,5,7

model: ## explore every behaviour of small groups within the short bounds
	go run ./rafttest/cmd/raftmodel -bounds short

mutants: ## check that every mutant is still caught by the cheapest of what has caught it
	go run ./internal/mutants/cmd/mutants verify -quick

lint: ## gofmt, go vet, staticcheck, structural rules
	scripts/lint.sh

cover: ## statement coverage of the core, profile in coverage.out
	scripts/cover.sh coverage.out

fuzz: ## run every fuzz target for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME)

generate: ## rewrite raftpb/raft.pb.go and its twin in the tests from raftpb/raft.proto (needs protoc)
	scripts/generate.sh

bench: ## measure this library and its peers side by side, with BENCHFLAGS
	cd bench && go run . $(BENCHFLAGS)

bench-go: ## run the Go benchmarks of the root module
	go test -run '^$$' -bench . -benchmem ./...

bench-smoke: ## run everything that is measured once, as briefly as it can be
	go test -run '^$$' -bench . -benchtime 1x ./...
	cd bench && go run . -quiet -rounds 1 -warmup 0 -scale 0.002

fmt: ## format every Go file
	gofmt -l -w .
