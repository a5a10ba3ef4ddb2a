// What decoding does with bytes that no member of this version would write: damaged ones, which must give an error,
// and those of other encoders and later versions, which must be understood.

package raftpb

import (
	"encoding/hex"
	"io"
	"maps"
	"testing"

	"github.com/gogo/protobuf/protoc-gen-gogo/descriptor"
	"github.com/stretchr/testify/require"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(tb, err)
	return b
}

// Each damage is a field that every message type lacks (number 1000) or misuses (number 1), so that the same bytes
// can be given to all of them.
func TestDecodeRefusesDamage(t *testing.T) {
	cases := []struct {
		name, bytes string
		sentinel    error
		text        string
	}{
		{name: "key cut short", bytes: "80", sentinel: io.ErrUnexpectedEOF},
		{name: "key too long", bytes: "8080808080808080808080", sentinel: ErrIntOverflowRaft},
		{name: "field number zero", bytes: "0000", text: "illegal tag 0"},
		{name: "group end without a beginning", bytes: "0c", text: "wiretype end group for non-group"},
		{name: "field 1 as 32 bits", bytes: "0d00000000", text: "wrong wireType = 5"},
		{name: "unknown varint cut short", bytes: "c03e80", sentinel: io.ErrUnexpectedEOF},
		{name: "unknown varint too long", bytes: "c03e8080808080808080808080", sentinel: ErrIntOverflowRaft},
		{name: "unknown bytes cut short", bytes: "c23e0501", sentinel: io.ErrUnexpectedEOF},
		{name: "unknown length cut short", bytes: "c23e80", sentinel: io.ErrUnexpectedEOF},
		{name: "unknown length too long", bytes: "c23e8080808080808080808080", sentinel: ErrIntOverflowRaft},
		{name: "unknown length negative", bytes: "c23effffffffffffffffff01", sentinel: ErrInvalidLengthRaft},
		{name: "unknown length beyond any slice", bytes: "c23effffffffffffffff7f", sentinel: ErrInvalidLengthRaft},
		{name: "unknown group not ended", bytes: "c33e0800", sentinel: io.ErrUnexpectedEOF},
		{name: "unknown wire type", bytes: "c63e00", text: "illegal wireType 6"},
	}
	for _, tc := range cases {
		for _, kind := range kinds() {
			t.Run(tc.name+"/"+kind, func(t *testing.T) {
				err := newValue(kind).Unmarshal(unhex(t, tc.bytes))
				require.Error(t, err)
				if tc.sentinel != nil {
					require.ErrorIs(t, err, tc.sentinel)
				}
				require.Contains(t, err.Error(), tc.text)
			})
		}
	}
}

// fieldDamage returns what can be wrong with the given field, and the error that must name it.
func fieldDamage(field *descriptor.FieldDescriptorProto) map[string]error {
	const tooLong = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
	key := func(wireType int32) string {
		return string([]byte{byte(field.GetNumber()<<3 | wireType)})
	}
	lengthDelimited := map[string]error{
		key(2):           io.ErrUnexpectedEOF,
		key(2) + tooLong: ErrIntOverflowRaft,
		key(2) + "\x01":  io.ErrUnexpectedEOF,
		key(2) + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01": ErrInvalidLengthRaft,
		key(2) + "\xff\xff\xff\xff\xff\xff\xff\xff\x7f":     ErrInvalidLengthRaft,
	}
	varint := map[string]error{
		key(0):           io.ErrUnexpectedEOF,
		key(0) + tooLong: ErrIntOverflowRaft,
	}
	switch field.GetType() {
	case descriptor.FieldDescriptorProto_TYPE_BYTES:
		return lengthDelimited
	case descriptor.FieldDescriptorProto_TYPE_MESSAGE:
		lengthDelimited[key(2)+"\x01\x80"] = io.ErrUnexpectedEOF
		return lengthDelimited
	}
	if field.GetLabel() == descriptor.FieldDescriptorProto_LABEL_REPEATED {
		maps.Copy(varint, lengthDelimited)
		varint[key(2)+"\x01\x80"] = io.ErrUnexpectedEOF
		varint[key(2)+"\x0b"+tooLong] = ErrIntOverflowRaft
	}
	return varint
}

// Every field of every type, each damaged in every way that its kind allows.
func TestDecodeRefusesDamagedFields(t *testing.T) {
	for _, message := range schema(t).GetMessageType() {
		for _, field := range message.GetField() {
			for damage, want := range fieldDamage(field) {
				err := newValue(message.GetName()).Unmarshal([]byte(damage))
				require.ErrorIs(t, err, want, "%s.%s as %x", message.GetName(), field.GetName(), damage)
			}
			wrongType := []byte{byte(field.GetNumber()<<3 | 5), 0, 0, 0, 0}
			err := newValue(message.GetName()).Unmarshal(wrongType)
			require.ErrorContains(t, err, "wrong wireType = 5", "%s.%s", message.GetName(), field.GetName())
		}
	}
}

// A vector cut anywhere either ends between two fields, and is then a shorter valid encoding, or is refused.
func TestDecodeOfTruncatedVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		refused := 0
		for n := range v.encoded {
			decoded := newValue(v.kind)
			if err := decoded.Unmarshal(v.encoded[:n]); err != nil {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%s cut to %d bytes", v.name, n)
				refused++
			}
		}
		require.NotZero(t, refused, "no truncation of %s was refused", v.name)
	}
}

// Fields of a later version are skipped, of whatever kind they are, and are not passed on.
func TestDecodeSkipsUnknownFields(t *testing.T) {
	unknown := map[string]string{
		"varint":  "c03effffffffffffffffff01",
		"64 bits": "c13e0102030405060708",
		"bytes":   "c23e03616263",
		"group":   "c33e0801c03e05c43e",
		"32 bits": "c53e01020304",
	}
	for name, field := range unknown {
		for _, v := range loadVectors(t) {
			t.Run(name+"/"+v.name, func(t *testing.T) {
				extended := append(unhex(t, field), v.encoded...)
				decoded := newValue(v.kind)
				require.NoError(t, decoded.Unmarshal(extended))
				require.Equal(t, v.value(t), decoded)
			})
		}
	}
}

func TestDecodeAcceptsPackedMembers(t *testing.T) {
	var cs ConfState
	require.NoError(t, cs.Unmarshal(unhex(t, "0a040102ac02"+"120104"+"1a020105"+"220105"+"2801")))
	require.Equal(t, ConfState{
		Voters:         []uint64{1, 2, 300},
		Learners:       []uint64{4},
		VotersOutgoing: []uint64{1, 5},
		LearnersNext:   []uint64{5},
		AutoLeave:      true,
	}, cs)
}

// Enumerations are numbers on the wire: one that this version does not know survives, and is left to be refused by
// whoever interprets it.
func TestDecodeKeepsUnknownEnumerators(t *testing.T) {
	m := Message{Type: 99, To: 1, Entries: []Entry{{Type: -1}}}
	encoded, err := m.Marshal()
	require.NoError(t, err)
	var decoded Message
	require.NoError(t, decoded.Unmarshal(encoded))
	require.Equal(t, m, decoded)
	require.Equal(t, "99", decoded.Type.String())
	require.Equal(t, "-1", decoded.Entries[0].Type.String())
}

func TestDecodedValueOwnsItsMemory(t *testing.T) {
	for _, v := range loadVectors(t) {
		input := append([]byte{}, v.encoded...)
		decoded := newValue(v.kind)
		require.NoError(t, decoded.Unmarshal(input))
		clear(input)
		require.Equal(t, v.value(t), decoded, v.name)
	}
}

// Unmarshal adds to what is there; Reset makes a used value as good as a new one.
func TestResetBeforeDecode(t *testing.T) {
	encoded := unhex(t, "0801080208032800")
	cs := ConfState{Voters: []uint64{9}, AutoLeave: true}
	require.NoError(t, cs.Unmarshal(encoded))
	require.Equal(t, ConfState{Voters: []uint64{9, 1, 2, 3}}, cs)

	cs.Reset()
	require.NoError(t, cs.Unmarshal(encoded))
	require.Equal(t, ConfState{Voters: []uint64{1, 2, 3}}, cs)

	for _, v := range loadVectors(t) {
		value := v.value(t)
		value.Reset()
		require.Equal(t, newValue(v.kind), value, v.name)
	}
}
