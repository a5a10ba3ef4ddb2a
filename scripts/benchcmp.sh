#!/usr/bin/env bash
# Compares the Go benchmarks of two revisions with benchstat. The test binaries of both are run in turn, so that what
# disturbs the machine for a while disturbs both.
#
#   scripts/benchcmp.sh OLD          OLD with the working tree as it is
#   scripts/benchcmp.sh OLD NEW      two revisions
#
# Settings, in the environment:
#   BENCH      which benchmarks: a regular expression as for go test -bench (.)
#   COUNT      how often each is run (10)
#   BENCHTIME  how long each run takes, as for go test -benchtime (0.2s)
#   PACKAGES   directories of packages of the root module (.)
set -euo pipefail

if (($# < 1 || $# > 2)); then
	sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
	exit 2
fi
cd "$(dirname "$0")/.."

benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
bench=${BENCH:-.}
count=${COUNT:-10}
benchtime=${BENCHTIME:-0.2s}
read -ra packages <<<"${PACKAGES:-.}"

tmp=$(mktemp -d)
cleanup() {
	for side in old new; do
		[[ ! -e $tmp/$side ]] || git worktree remove --force "$tmp/$side" || true
	done
	rm -rf "$tmp"
	git worktree prune
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# checkout SIDE REVISION puts a revision into a directory of its own.
checkout() {
	local commit
	if ! commit=$(git rev-parse --verify --quiet "$2^{commit}"); then
		echo "there is no revision $2" >&2
		exit 1
	fi
	git worktree add --quiet --detach "$tmp/$1" "$commit"
}

# build SIDE DIR builds the test binary of each package in the tree at DIR.
build() {
	local i
	for i in "${!packages[@]}"; do
		if [[ -d $2/${packages[i]} ]]; then
			(cd "$2" && GOWORK=off go test -c -o "$tmp/$1.$i.test" "./${packages[i]}") >&2
		fi
	done
}

# run SIDE DIR runs the benchmarks of each package once. A package without tests has no binary.
run() {
	local i
	for i in "${!packages[@]}"; do
		if [[ -x $tmp/$1.$i.test ]]; then
			(cd "$2/${packages[i]}" &&
				"$tmp/$1.$i.test" -test.run '^$' -test.bench "$bench" -test.benchmem -test.benchtime "$benchtime") >>"$tmp/$1.txt"
		fi
	done
}

checkout old "$1"
old=$tmp/old new=$PWD
name=working-tree
if (($# == 2)); then
	checkout new "$2"
	new=$tmp/new name=$2
fi
build old "$old"
build new "$new"
for ((round = 1; round <= count; round++)); do
	echo "round $round of $count" >&2
	# The one that comes first changes from round to round.
	if ((round % 2)); then
		run old "$old"
		run new "$new"
	else
		run new "$new"
		run old "$old"
	fi
done
for side in old new; do
	if ! grep -q '^Benchmark' "$tmp/$side.txt" 2>/dev/null; then
		echo "no benchmark on the $side side matches $bench" >&2
		exit 1
	fi
done
GOFLAGS='' go run "$benchstat" "$1=$tmp/old.txt" "$name=$tmp/new.txt"
