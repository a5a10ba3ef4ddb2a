#!/usr/bin/env bash
# Checks formatting, go vet and staticcheck in every module; in the root module, that it builds for 32 bits, and the
# structural rules.
set -euo pipefail
cd "$(dirname "$0")/.."

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2

unformatted=$(gofmt -l .)
if [[ -n $unformatted ]]; then
	printf 'gofmt would change these files; run make fmt:\n%s\n' "$unformatted" >&2
	exit 1
fi

modules=$(scripts/modules.sh)
while read -r dir; do
	echo "-- $dir: go vet, staticcheck"
	(
		cd "$dir"
		go vet ./...
		go run "$staticcheck" ./...
	) </dev/null
done <<<"$modules"

for dir in bench interop; do
	for peer in etcd36 etcd37; do
		echo "-- $dir: go vet of what is built for $peer"
		(cd "$dir" && GOWORK=off go vet -mod=readonly -modfile="peers/$peer.mod" -tags "$peer" ./$([[ $dir == bench ]] && echo cmd/)worker)
	done
done

echo "-- 32 bits: the root module builds"
GOARCH=386 go build ./...

echo "-- structural rules"
go test ./internal/lint
