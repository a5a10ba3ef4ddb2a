#!/usr/bin/env bash
# Downloads what the modules in this tree are built and tested with, also those that only tests build: then no test waits for a
# download, or fails because of one. A download that fails is tried again.
set -euo pipefail
cd "$(dirname "$0")/.."

# within DIR COMMAND...: runs a go command that downloads what it needs.
within() {
	local dir=$1
	shift
	for _ in 1 2 3; do
		(cd "$dir" && GOWORK=off go "$@" </dev/null >/dev/null) && return
		sleep 5
	done
	echo "$dir: go $* has failed three times" >&2
	return 1
}

modules=$(scripts/modules.sh)
while read -r dir; do
	within "$dir" list -deps -test ./...
done <<<"$modules"
for dir in compat/migrating/testdata/*/; do
	[[ ! -e $dir/go.mod ]] || within "$dir" mod download
done
for peer in etcd36 etcd37; do
	within bench list -deps -mod=readonly -modfile="peers/$peer.mod" -tags "$peer" ./cmd/worker
	within interop list -deps -mod=readonly -modfile="peers/$peer.mod" -tags "$peer" ./worker
done
