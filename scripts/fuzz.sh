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

ran=0
failed=()
while read -r dir; do
	# go test -list prints the names of a package's targets and then a line that begins with ok and names the package.
	listing=$(cd "$dir" && go test -list "$names" ./... </dev/null)
	while read -r package target; do
		[[ -n $package ]] || continue
		ran=$((ran + 1))
		echo "-- $package $target for $duration"
		(cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "$package" </dev/null) ||
			failed+=("$package $target")
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
