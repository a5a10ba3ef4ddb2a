// The golden encodings of testdata/wire-vectors.txt: every value in that file must have exactly the bytes that stand
// beside it, and the other way round, or a group that is upgraded member by member could not read its own log.

package raftpb

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

// wireValue is what the generator gives to every message type.
type wireValue interface {
	proto.Message
	Marshal() ([]byte, error)
	MarshalTo([]byte) (int, error)
	MarshalToSizedBuffer([]byte) (int, error)
	Size() int
	Unmarshal([]byte) error
	Descriptor() ([]byte, []int)
}

// kinds lists the message types by name, in the order of raft.proto.
func kinds() []string {
	return []string{
		"Entry", "SnapshotMetadata", "Snapshot", "Message", "HardState", "ConfState", "ConfChange",
		"ConfChangeSingle", "ConfChangeV2",
	}
}

// newValue returns the zero value of the named message type, or nil if there is no such type.
func newValue(kind string) wireValue {
	switch kind {
	case "Entry":
		return &Entry{}
	case "SnapshotMetadata":
		return &SnapshotMetadata{}
	case "Snapshot":
		return &Snapshot{}
	case "Message":
		return &Message{}
	case "HardState":
		return &HardState{}
	case "ConfState":
		return &ConfState{}
	case "ConfChange":
		return &ConfChange{}
	case "ConfChangeSingle":
		return &ConfChangeSingle{}
	case "ConfChangeV2":
		return &ConfChangeV2{}
	default:
		return nil
	}
}

// wireVector is one line of the file.
type wireVector struct {
	name    string
	kind    string
	fields  []byte
	encoded []byte
}

// value builds the vector's value from its JSON fields. JSON has no way to say that a bytes field is present and
// empty, so the vectors in which one is are completed here: entry-4, message-full, which holds entry-4 as its fifth
// entry, and confchangev2-3.
func (v wireVector) value(tb testing.TB) wireValue {
	tb.Helper()
	value := newValue(v.kind)
	require.NotNil(tb, value, "vector %s is of the unknown type %s", v.name, v.kind)
	require.NoError(tb, json.Unmarshal(v.fields, value), v.name)
	switch v.name {
	case "entry-4":
		value.(*Entry).Data = []byte{}
	case "message-full":
		value.(*Message).Entries[4].Data = []byte{}
	case "confchangev2-3":
		value.(*ConfChangeV2).Context = []byte{}
	}
	return value
}

func loadVectors(tb testing.TB) []wireVector {
	tb.Helper()
	raw, err := os.ReadFile("testdata/wire-vectors.txt")
	require.NoError(tb, err)
	var vectors []wireVector
	for _, line := range strings.Split(string(raw), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "\t")
		require.Len(tb, columns, 4, "not a vector: %q", line)
		encoded, err := hex.DecodeString(columns[3])
		require.NoError(tb, err, columns[0])
		vectors = append(vectors, wireVector{columns[0], columns[1], []byte(columns[2]), encoded})
	}
	require.NotEmpty(tb, vectors, "the file of wire vectors holds none")
	return vectors
}

func TestWireVectorsEncode(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			value := v.value(t)
			encoded, err := value.Marshal()
			require.NoError(t, err)
			require.Equal(t, v.encoded, encoded)
			require.Equal(t, len(v.encoded), value.Size())
		})
	}
}

func TestWireVectorsDecode(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			decoded := newValue(v.kind)
			require.NoError(t, decoded.Unmarshal(v.encoded))
			require.Equal(t, v.value(t), decoded)

			again, err := decoded.Marshal()
			require.NoError(t, err)
			require.Equal(t, v.encoded, again)
			require.Equal(t, len(v.encoded), decoded.Size())
		})
	}
}

// MarshalTo fills a buffer from its front and MarshalToSizedBuffer from its end; neither may touch what lies beyond.
func TestWireVectorsEncodeIntoBuffer(t *testing.T) {
	const margin = 3
	pad := []byte{0xa5, 0xa5, 0xa5}
	for _, v := range loadVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			value, size := v.value(t), len(v.encoded)

			front := append(make([]byte, size), pad...)
			n, err := value.MarshalTo(front)
			require.NoError(t, err)
			require.Equal(t, size, n)
			require.Equal(t, v.encoded, front[:size])
			require.Equal(t, pad, front[size:])

			back := append(append([]byte{}, pad...), make([]byte, size)...)
			n, err = value.MarshalToSizedBuffer(back)
			require.NoError(t, err)
			require.Equal(t, size, n)
			require.Equal(t, v.encoded, back[margin:])
			require.Equal(t, pad, back[:margin])

			exact := make([]byte, size)
			n, err = value.MarshalToSizedBuffer(exact)
			require.NoError(t, err)
			require.Equal(t, size, n)
			require.Equal(t, v.encoded, exact)
		})
	}
}

// A vector that went missing from the file would otherwise pass unnoticed.
func TestWireVectorsCoverEveryType(t *testing.T) {
	seenKinds := map[string]bool{}
	seenNames := map[string]bool{}
	for _, v := range loadVectors(t) {
		require.False(t, seenNames[v.name], "two vectors are called %s", v.name)
		seenKinds[v.kind], seenNames[v.name] = true, true
	}
	// A ConfChangeSingle is never stored or sent alone; the vectors hold it inside ConfChangeV2.
	seenKinds["ConfChangeSingle"] = true
	for _, kind := range kinds() {
		require.True(t, seenKinds[kind], "no vector of type %s", kind)
	}
	for _, name := range MessageType_name {
		require.True(t, seenNames["message-"+name], "no vector of message type %s", name)
	}
}
