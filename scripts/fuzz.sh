#!/usr/bin/env bash
# Runs every fuzz target of every module, one after the other. An input that fails is kept by the go command under
# testdata/fuzz of its package and fails ordinary tests from then on.
#
#   scripts/fuzz.sh               10s each
#   scripts/fuzz.sh 10m           10m each
#   scripts/fuzz.sh 1m FuzzStep   1m for each target whose name matches FuzzStep
set -euo pipefail
cd "$(dirname "$0")/.."

duration=${1:-10s}
names=${2:-^Fuzz}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz DIR PACKAGE TARGET runs one target. Go 1.26 sometimes reports the end of the time as a failure, without an input
# that fails; then the target runs once more. Making an interesting input smaller is kept short: by default it takes up to
# a minute, in which nothing else is tried.
fuzz() {
	for _ in 1 2; do
		if (cd "$1" && go test -run '^$' -fuzz "^$3\$" -fuzztime "$duration" -fuzzminimizetime 20x "$2" </dev/null) 2>&1 | tee "$log"; then
			return 0
		fi
		if ! grep -q 'context deadline exceeded' "$log" || grep -q 'Failing input written' "$log"; then
			return 1
		fi
	done
	return 1
}

ran=0
failed=()
while read -r dir; do
	# go test -list prints the names of a package's targets and then a line that begins with ok and names the package.
	listing=$(cd "$dir" && go test -list "$names" ./... </dev/null)
	while read -r package target; do
		[[ -n $package ]] || continue
		ran=$((ran + 1))
		echo "-- $package $target for $duration"
		fuzz "$dir" "$package" "$target" || failed+=("$package $target")
	done < <(awk '/^Fuzz/ { name[++n] = $1 } $1 == "ok" { for (i = 1; i <= n; i++) print $2, name[i] } !/^Fuzz/ { n = 0 }' \
		<<<"$listing")
done < <(scripts/modules.sh)

if ((ran == 0)); then
	echo "no fuzz target matches $names" >&2
	exit 1
fi
if ((${#failed[@]})); then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
