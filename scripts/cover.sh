#!/usr/bin/env bash
# Prints the statement coverage of the core (the root package, quorum, tracker, confchange) over all tests of the root
# module, and fails if the core as a whole is covered less than 95%.
#
#   scripts/cover.sh              print it
#   scripts/cover.sh FILE         and keep the profile in FILE, for go tool cover -html=FILE
set -euo pipefail
profile=${1:-}
[[ -z $profile ]] || profile=$(realpath -m -- "$profile")
cd "$(dirname "$0")/.."

least=95
core=$(go list -f '{{.ImportPath}}' . ./quorum ./tracker ./confchange)

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
[[ -n $profile ]] || profile=$tmp/profile

if ! go test -timeout 10m -coverpkg="${core//$'\n'/,}" -coverprofile="$profile" ./... >"$tmp/log" 2>&1; then
	cat "$tmp/log" >&2
	echo "coverage: the tests fail" >&2
	exit 1
fi

# The profile holds each block once for every test binary: a block counts as covered if any of them ran it. Blocks are
# counted by file, then files are summed up by package.
awk '
	$1 != "mode:" { size[$1] = $2; if ($3 > 0) ran[$1] = 1 }
	END {
		for (block in size) {
			file = block
			sub(/:[^:]*$/, "", file)
			total[file] += size[block]
			if (block in ran) covered[file] += size[block]
		}
		for (file in total) print file, covered[file] + 0, total[file]
	}
' "$profile" | LC_ALL=C sort >"$tmp/files"

awk -v least="$least" '
	function percent(part, whole) { return whole ? 100 * part / whole : 100 }
	{
		package = $1
		sub(/\/[^\/]*$/, "", package)
		if (!(package in total)) order[++packages] = package
		covered[package] += $2; total[package] += $3
		allCovered += $2; all += $3
		if ($2 < $3) partly[++files] = sprintf("  %-56s %5d of %5d statements never run", $1, $3 - $2, $3)
	}
	END {
		for (i = 1; i <= files; i++) print partly[i]
		for (i = 1; i <= packages; i++) {
			package = order[i]
			printf "%-56s %6.2f%%\n", package, percent(covered[package], total[package])
		}
		printf "%-56s %6.2f%% (at least %d%%)\n", "core", percent(allCovered, all), least
		if (!all || 100 * allCovered < least * all) { print "coverage: too low" > "/dev/stderr"; exit 1 }
	}
' "$tmp/files"
