#!/usr/bin/env bash
# Regenerates raftpb/raft.pb.go from raftpb/raft.proto. Needs protoc (Debian: protobuf-compiler); the gogo plugin is
# the one that go.mod pins.
#
#   scripts/generate.sh           rewrite the committed file
#   scripts/generate.sh --check   fail if the committed file is not what would be written
set -euo pipefail
cd "$(dirname "$0")/.."

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

go build -o "$tmp/bin/" github.com/gogo/protobuf/protoc-gen-gogofaster
gogo=$(go list -m -f '{{.Dir}}' github.com/gogo/protobuf)

# The file is given to protoc under its import path, so that its descriptor is registered under a name no other
# raft.proto has. The plugin's own imports are laid out under their import path too.
mkdir -p "$tmp/src/github.com/seed695671cb/raft/raftpb" "$tmp/src/github.com/gogo" "$tmp/out"
cp raftpb/raft.proto "$tmp/src/github.com/seed695671cb/raft/raftpb/"
ln -s "$gogo" "$tmp/src/github.com/gogo/protobuf"
(
	cd "$tmp/src"
	protoc --plugin="$tmp/bin/protoc-gen-gogofaster" \
		-I. -Igithub.com/gogo/protobuf/protobuf \
		--gogofaster_out="$tmp/out" \
		github.com/seed695671cb/raft/raftpb/raft.proto
)
new=$tmp/out/github.com/seed695671cb/raft/raftpb/raft.pb.go
gofmt -w "$new"

if [[ ${1:-} == --check ]]; then
	if ! diff -u raftpb/raft.pb.go "$new"; then
		echo "raftpb/raft.pb.go is not current: run scripts/generate.sh and commit the result" >&2
		exit 1
	fi
	exit 0
fi
cp "$new" raftpb/raft.pb.go
