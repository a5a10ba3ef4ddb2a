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

# fuzz DIR PACKAGE TARGET runs one target. Making an interesting input smaller is kept short: by default it takes up to a
# minute, in which nothing else is tried.
fuzz() {
	(cd "$1" && go test -run '^$' -fuzz "^$3\$" -fuzztime "$duration" -fuzzminimizetime 20x "$2" </dev/null) 2>&1 |
		tee "$log" || time_is_up
}

# time_is_up says whether what go test called a failure was only the end of the time: before Go 1.27 the two race
# (go.dev/issue/75804). Then the failure is that one line and nothing else. An input that fails is always written to a
# file, and its failure names a line of the test.
time_is_up() {
	[[ $(grep -A1 '^--- FAIL' "$log") == '--- FAIL: '*$'\n    context deadline exceeded' ]] &&
		! grep -qE 'Failing input written|^ +[^ ]+\.go:[0-9]+:|^panic:|hung or terminated' "$log" &&
		echo "(the time is up, which this version of Go takes for a failure)"
}

modules=$(scripts/modules.sh)
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
done <<<"$modules"

if ((ran == 0)); then
	echo "no fuzz target matches $names" >&2
	exit 1
fi
if ((${#failed[@]})); then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
