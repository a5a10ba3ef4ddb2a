#!/usr/bin/env bash
# Does what go mod tidy would do for a module that has files which are built for another library, with a module file of
# their own: tidy takes every build tag for set, and would require that library too. Here such files are out of sight.
#
#   scripts/tidy.sh bench           rewrite bench/go.mod and bench/go.sum
#   scripts/tidy.sh interop -diff   print what would change, and fail if anything would
set -euo pipefail
cd "$(dirname "$0")/../${1:?want a module: bench or interop}"
shift

overlay=$(mktemp)
trap 'rm -f "$overlay"' EXIT

# In an overlay, a file that is replaced by nothing is not there.
{
	printf '{"Replace":{'
	grep -l '^//go:build etcd' -r --include='*.go' . | LC_ALL=C sort |
		sed "s|^\./\(.*\)|\"$PWD/\1\":\"\"|" | paste -sd, -
	printf '}}\n'
} >"$overlay"
GOWORK=off go mod tidy "$@" -overlay="$overlay"
