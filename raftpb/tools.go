//go:build tools

package raftpb

// The generator of raft.pb.go, named here so that go.mod pins its version.
import _ "github.com/gogo/protobuf/protoc-gen-gogofast"
