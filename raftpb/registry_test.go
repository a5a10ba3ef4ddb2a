// What this package registers with the protobuf runtime, by name. Registering an enumeration under a name that is
// taken panics when the program starts, so a program could not link this library beside another of the lineage if both
// used the protobuf package "raftpb".

package raftpb

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/gogo/protobuf/protoc-gen-gogo/descriptor"
	"github.com/stretchr/testify/require"
)

const (
	ownFile    = "github.com/seed695671cb/raft/raftpb/raft.proto"
	ownPackage = "seed695671cb.raft"
)

// schema returns the description of raft.proto that the generated code registers.
func schema(t *testing.T) *descriptor.FileDescriptorProto {
	t.Helper()
	compressed, _ := (&Entry{}).Descriptor()
	require.Equal(t, compressed, proto.FileDescriptor(ownFile), "raft.proto is not registered under its import path")
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	require.NoError(t, err)
	raw, err := io.ReadAll(reader)
	require.NoError(t, err)
	file := &descriptor.FileDescriptorProto{}
	require.NoError(t, proto.Unmarshal(raw, file))
	return file
}

func TestNothingIsRegisteredUnderTheLineagesNames(t *testing.T) {
	file := schema(t)
	require.Equal(t, ownFile, file.GetName())
	require.Equal(t, ownPackage, file.GetPackage())

	require.Len(t, file.GetEnumType(), 4)
	for _, enum := range file.GetEnumType() {
		require.NotNil(t, proto.EnumValueMap(ownPackage+"."+enum.GetName()), enum.GetName())
		require.Nil(t, proto.EnumValueMap("raftpb."+enum.GetName()), enum.GetName())
	}
	require.Len(t, file.GetMessageType(), len(kinds()))
	for _, message := range file.GetMessageType() {
		require.NotNil(t, proto.MessageType(ownPackage+"."+message.GetName()), message.GetName())
		require.Nil(t, proto.MessageType("raftpb."+message.GetName()), message.GetName())
	}
	for _, name := range []string{"raft.proto", "raftpb/raft.proto", "raftpb.proto"} {
		require.Nil(t, proto.FileDescriptor(name), name)
	}
}

// Descriptor and EnumDescriptor point into the schema; a wrong index would give a tool the wrong type.
func TestDescriptorsPointAtTheirOwnType(t *testing.T) {
	file := schema(t)
	for i, kind := range kinds() {
		_, path := newValue(kind).Descriptor()
		require.Equal(t, []int{i}, path)
		require.Equal(t, kind, file.GetMessageType()[i].GetName())
	}
	enums := []struct {
		name       string
		descriptor func() ([]byte, []int)
		names      map[int32]string
		values     map[string]int32
	}{
		{"EntryType", EntryNormal.EnumDescriptor, EntryType_name, EntryType_value},
		{"MessageType", MsgHup.EnumDescriptor, MessageType_name, MessageType_value},
		{"ConfChangeType", ConfChangeAddNode.EnumDescriptor, ConfChangeType_name, ConfChangeType_value},
		{
			"ConfChangeTransition", ConfChangeTransitionAuto.EnumDescriptor,
			ConfChangeTransition_name, ConfChangeTransition_value,
		},
	}
	for i, enum := range enums {
		_, path := enum.descriptor()
		require.Equal(t, []int{i}, path)
		require.Equal(t, enum.name, file.GetEnumType()[i].GetName())
		require.Len(t, enum.values, len(enum.names))
		for number, name := range enum.names {
			require.Equal(t, number, enum.values[name], name)
		}
	}
}
