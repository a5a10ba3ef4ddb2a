#!/usr/bin/env bash
# Vets every module and runs its tests under the race detector, JOBS modules at a time (2 if not given): tests of whole clusters
# wait much. The output of each module comes in one piece, when it is done.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-2}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# Tests of compat and interop build programs and read files outside of their modules, where the go command does not look for
# changes: their results are not cached.
test_module() {
	local dir=$1 again=()
	case $dir in
	./compat/* | ./interop) again=(-count=1) ;;
	esac
	cd "$dir"
	go vet ./... && go test -race "${again[@]}" -timeout 15m ./...
}

run() {
	local dir=$1 log
	log=$logs/$(echo "$dir" | tr '/.' '__')
	if (test_module "$dir") >"$log" 2>&1; then
		printf -- '-- %s: go vet, go test -race (ended at %ds)\n%s\n' "$dir" "$SECONDS" "$(cat "$log")"
	else
		printf -- '-- %s: FAILED (ended at %ds)\n%s\n' "$dir" "$SECONDS" "$(cat "$log")"
		return 1
	fi
}

modules=$(scripts/modules.sh)
failed=0
running=0
while read -r dir; do
	if ((running >= jobs)); then
		wait -n || failed=1
		((running--)) || true
	fi
	run "$dir" &
	((++running))
done <<<"$modules"
while ((running-- > 0)); do
	wait -n || failed=1
done
exit "$failed"
