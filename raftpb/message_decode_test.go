// The hand-written decoder of Message: that it agrees with the generated one, its twin in message_twin_test.go, and
// what it does better: bounded nesting, few allocations, bytes that stay where they are.

package raftpb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

// messageDecoders returns every way into the decoder.
func messageDecoders() map[string]func(*Message, []byte) error {
	return map[string]func(*Message, []byte) error{
		"Unmarshal":            (*Message).Unmarshal,
		"UnmarshalAlias":       (*Message).UnmarshalAlias,
		"proto.Unmarshal":      func(m *Message, b []byte) error { return proto.Unmarshal(b, m) },
		"proto.UnmarshalMerge": func(m *Message, b []byte) error { return proto.UnmarshalMerge(b, m) },
		"proto.Buffer":         func(m *Message, b []byte) error { return proto.NewBuffer(b).Unmarshal(m) },
	}
}

// nested returns the encoding of a Message whose responses are nested depth levels deep, with nothing else in it.
func nested(depth int) []byte {
	const widest = 1 + binary.MaxVarintLen64
	buf := make([]byte, depth*widest)
	start := len(buf)
	for range depth {
		header := binary.AppendUvarint([]byte{14<<3 | wireBytes}, uint64(len(buf)-start))
		start -= copy(buf[start-len(header):], header)
	}
	return buf[start:]
}

// responseDepth is how deep the responses of a decoded message are nested.
func responseDepth(m *Message) int {
	depth := 0
	for i := range m.Responses {
		depth = max(depth, 1+responseDepth(&m.Responses[i]))
	}
	return depth
}

// checkAgainstTwin decodes the inputs one after the other into one value and requires what the twin makes of them, up
// to the first error, and after that an error with the same text. Only nesting beyond the bound is judged differently.
func checkAgainstTwin(t *testing.T, decode func(*Message, []byte) error, inputs ...[]byte) {
	t.Helper()
	var got Message
	var want twinMessage
	for _, input := range inputs {
		scratch := bytes.Clone(input)
		gotErr, wantErr := decode(&got, scratch), want.Unmarshal(input)
		if !bytes.Equal(input, scratch) {
			t.Fatalf("decoding wrote to its input %x", input)
		}
		if gotErr == ErrNestedTooDeep {
			if wantErr == nil && responseDepth((*Message)(&want)) <= MaxResponseDepth {
				t.Fatalf("%x is refused as nested too deep, which it is not", input)
			}
			return
		}
		if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
			t.Fatalf("%x gives the error %v, the twin's is %v", input, gotErr, wantErr)
		}
		if gotErr != nil {
			return
		}
		if !reflect.DeepEqual(got, Message(want)) {
			t.Fatalf("%x decodes to\n%v, the twin makes it\n%v", input, &got, (*Message)(&want))
		}
		if depth := responseDepth(&got); depth > MaxResponseDepth {
			t.Fatalf("%x was decoded with %d levels of responses", input, depth)
		}
	}
}

func TestMessageDecodesAsTwin(t *testing.T) {
	vectors := loadVectors(t)
	for _, v := range vectors {
		for n := range len(v.encoded) + 1 {
			checkAgainstTwin(t, (*Message).Unmarshal, v.encoded[:n])
			checkAgainstTwin(t, (*Message).UnmarshalAlias, v.encoded[:n])
		}
		for _, w := range vectors {
			checkAgainstTwin(t, (*Message).Unmarshal, v.encoded, w.encoded, v.encoded)
			checkAgainstTwin(t, (*Message).UnmarshalAlias, v.encoded, w.encoded, v.encoded)
		}
	}
}

// Encodings that no encoder writes, and that the generated decoder understands or refuses in its own way.
func TestMessageDecodesOddEncodingsAsTwin(t *testing.T) {
	for name, encoded := range map[string]string{
		"key in more bytes than it needs":     "90808000" + "07",
		"entries under keys of two lengths":   "3a00" + "ba8000" + "00" + "3a00",
		"field 2 plus 2 to the 32nd":          "9080808080" + "01" + "07",
		"field 1000 plus 2 to the 32nd":       "c0be80808001" + "07",
		"field 2 to the 32nd":                 "808080808001" + "07",
		"field 2 to the 31st":                 "8080808040" + "07",
		"number with bits beyond the 64th":    "10" + "ffffffffffffffffff7f",
		"enumerator with bits beyond 32":      "08" + "8180808010",
		"truth value other than one":          "50" + "02",
		"truth value in the highest bit":      "50" + "80808080808080808001",
		"known field as a group":              "3b" + "3c",
		"known field of an entry as a group":  "3a02" + "0b0c",
		"end of group in an entry":            "3a01" + "0c",
		"wrong wire type in a snapshot":       "4a02" + "0800",
		"wrong wire type in metadata":         "4a041202" + "0a00",
		"unknown fields inside":               "3a03c03e01" + "4a03c03e01" + "7203c03e01",
		"snapshot and context twice":          "4a03" + "0a0141" + "4a02" + "1200" + "620141" + "620142",
		"empty bytes":                         "6200" + "4a02" + "0a00" + "3a02" + "2200",
		"fields after the damage of an entry": "3a0122" + "1007",
		"number twice":                        "1005" + "1006" + "10810110820110c0843d10c1843d",
		"number of four bytes and of five":    "20ffffff7f" + "28ffffffff0f" + "30ffffffffff7f",
		"number of each length at the end":    "20ffffff7f",
		"entry without some fields":           "3a021007" + "3a021807" + "3a03220141" + "3a00",
		"entry with its fields turned round":  "3a0418071005" + "3a0522014110063a020801",
		"entry with a field twice":            "3a06100510061807" + "3a06220141220142",
		"entry with data too long":            "3a0408002202" + "4142",
		"entry with an unknown field":         "3a0410051807" + "3a05c03e011805" + "3a0322014a",
		"damaged entry among good ones":       "3a021005" + "3a02100f" + "3a0110" + "3a021005",
		"long entry cut off":                  "3a021005" + "3a80011005",
	} {
		t.Run(name, func(t *testing.T) {
			checkAgainstTwin(t, (*Message).Unmarshal, unhex(t, encoded))
			checkAgainstTwin(t, (*Message).UnmarshalAlias, unhex(t, encoded))
		})
	}
}

// Vectors of messages with a few bytes altered, or a field of one put inside another.
func TestMessageDecodesDamageAsTwin(t *testing.T) {
	var pool [][]byte
	for _, v := range loadVectors(t) {
		if v.kind == "Message" || v.kind == "Entry" || v.kind == "Snapshot" {
			pool = append(pool, v.encoded)
		}
	}
	rng := rand.New(rand.NewPCG(14, 7))
	for range 20000 {
		input := bytes.Clone(pool[rng.IntN(len(pool))])
		if part := pool[rng.IntN(len(pool))]; rng.IntN(2) == 0 && len(part) < 128 {
			field := []byte{7, 9, 14}[rng.IntN(3)]
			input = append(append(input, field<<3|wireBytes, byte(len(part))), part...)
		}
		for range rng.IntN(4) {
			input[rng.IntN(len(input))] ^= 1 << rng.IntN(8)
		}
		checkAgainstTwin(t, (*Message).Unmarshal, input)
		checkAgainstTwin(t, (*Message).UnmarshalAlias, input)
	}
}

// FuzzMessageTwin decodes two inputs into one value, so that merging is compared too.
func FuzzMessageTwin(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add(v.encoded, v.encoded)
		f.Add(v.encoded[:len(v.encoded)/2], []byte{})
	}
	f.Add(nested(MaxResponseDepth), nested(MaxResponseDepth+1))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		checkAgainstTwin(t, (*Message).Unmarshal, first, second)
		checkAgainstTwin(t, (*Message).UnmarshalAlias, first, second)
	})
}

func TestNestingOfResponsesIsBounded(t *testing.T) {
	// The generated decoder needs more stack for the last of these than a goroutine may have.
	for name, decode := range messageDecoders() {
		t.Run(name, func(t *testing.T) {
			for depth := range MaxResponseDepth + 1 {
				var m Message
				require.NoError(t, decode(&m, nested(depth)))
				require.Equal(t, depth, responseDepth(&m))
			}
			for _, depth := range []int{MaxResponseDepth + 1, 100, 3_000_000} {
				require.ErrorIs(t, decode(&Message{}, nested(depth)), ErrNestedTooDeep, "%d levels", depth)
			}
		})
	}
}

// Depth is counted along one path: any number of responses side by side is none too many.
func TestResponsesSideBySideAreNotNested(t *testing.T) {
	deepest := nested(MaxResponseDepth)
	var m Message
	require.NoError(t, m.Unmarshal(bytes.Repeat(deepest, 1000)))
	require.Len(t, m.Responses, 1000)
	require.Equal(t, MaxResponseDepth, responseDepth(&m))
}

// Groups of unknown fields may be nested at will: skipping them takes no stack.
func TestNestedGroupsAreSkipped(t *testing.T) {
	const levels = 1_000_000
	input := bytes.Repeat(unhex(t, "c33e"), levels)
	input = append(input, bytes.Repeat(unhex(t, "c43e"), levels)...)
	input = append(input, 2<<3, 7)
	for name, decode := range messageDecoders() {
		var m Message
		require.NoError(t, decode(&m, input), name)
		require.Equal(t, Message{To: 7}, m, name)
	}
}

// bytesFields returns every bytes field of a message by its name.
func bytesFields(m *Message) map[string][]byte {
	fields := map[string][]byte{"context": m.Context, "snapshot": m.Snapshot.Data}
	for i, e := range m.Entries {
		fields[fmt.Sprint("entry ", i)] = e.Data
	}
	for i, r := range m.Responses {
		fields[fmt.Sprint("context of response ", i)] = r.Context
		for j, e := range r.Entries {
			fields[fmt.Sprint("entry ", j, " of response ", i)] = e.Data
		}
	}
	return fields
}

// messageOfBytes is a message with every bytes field there is, each with a content of its own.
func messageOfBytes() Message {
	return Message{
		Type:     MsgStorageAppend,
		Context:  []byte("<context>"),
		Entries:  []Entry{{Index: 1, Data: []byte("<first>")}, {Index: 2, Data: []byte("<second>")}},
		Snapshot: &Snapshot{Data: []byte("<snapshot>"), Metadata: SnapshotMetadata{Index: 1, Term: 1}},
		Responses: []Message{
			{Context: []byte("<inner context>"), Entries: []Entry{{Data: []byte("<inner entry>")}}},
		},
	}
}

func TestUnmarshalAliasSharesItsInput(t *testing.T) {
	want := messageOfBytes()
	input, err := want.Marshal()
	require.NoError(t, err)
	var m Message
	require.NoError(t, m.UnmarshalAlias(input))
	require.Equal(t, want, m)

	fields := bytesFields(&m)
	require.Len(t, fields, 6)
	for name, field := range fields {
		require.Same(t, &input[bytes.Index(input, field)], &field[0], name)
		require.Equal(t, len(field), cap(field), "appending to %s would write to the input", name)
	}
	clear(input)
	for name, field := range fields {
		require.Equal(t, make([]byte, len(field)), field, name)
	}
}

func TestUnmarshalCopiesItsInput(t *testing.T) {
	want := messageOfBytes()
	input, err := want.Marshal()
	require.NoError(t, err)
	var m Message
	require.NoError(t, m.Unmarshal(input))
	for name, field := range bytesFields(&m) {
		require.NotSame(t, &input[bytes.Index(input, field)], &field[0], name)
	}
	clear(input)
	require.Equal(t, want, m)
}

// Decoding into a message that aliases an earlier input replaces its bytes fields; it does not write them there.
func TestUnmarshalLeavesAliasedInputAlone(t *testing.T) {
	original := messageOfBytes()
	input, err := original.Marshal()
	require.NoError(t, err)
	before := bytes.Clone(input)
	var m Message
	require.NoError(t, m.UnmarshalAlias(input))

	other, err := (&Message{Context: []byte("x"), Snapshot: &Snapshot{Data: []byte("y")}}).Marshal()
	require.NoError(t, err)
	require.NoError(t, m.Unmarshal(other))
	require.Equal(t, []byte("x"), m.Context)
	require.Equal(t, []byte("y"), m.Snapshot.Data)
	require.Equal(t, before, input)
}

// appendOf returns an append of n entries with data of 100 bytes each.
func appendOf(n int) Message {
	m := Message{Type: MsgApp, To: 2, From: 1, Term: 300, LogTerm: 299, Index: 1 << 20, Commit: 1 << 20}
	for i := range n {
		m.Entries = append(m.Entries, Entry{Term: 300, Index: m.Index + 1 + uint64(i), Data: make([]byte, 100)})
	}
	return m
}

func TestAllocationsOfDecoding(t *testing.T) {
	entriesWithoutData := appendOf(64)
	for i := range entriesWithoutData.Entries {
		entriesWithoutData.Entries[i].Data = nil
	}
	cases := []struct {
		name              string
		m                 Message
		copying, aliasing float64
	}{
		{"heartbeat", Message{Type: MsgHeartbeat, To: 2, From: 1, Term: 3, Commit: 4}, 0, 0},
		{"heartbeat with context", Message{Type: MsgHeartbeat, To: 2, From: 1, Context: []byte("c")}, 1, 0},
		{"1 entry", appendOf(1), 1 + 1, 1},
		{"64 entries", appendOf(64), 1 + 1, 1},
		{"64 entries without data", entriesWithoutData, 1, 1},
		{"snapshot", Message{Type: MsgSnap, Snapshot: &Snapshot{Data: []byte("s")}}, 1 + 1, 1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			input, err := tc.m.Marshal()
			require.NoError(t, err)
			var m Message
			decoding := func(decode func(*Message, []byte) error) func() {
				return func() {
					m = Message{}
					if err := decode(&m, input); err != nil {
						t.Error(err)
					}
				}
			}
			require.Equal(t, tc.copying, testing.AllocsPerRun(20, decoding((*Message).Unmarshal)))
			require.Equal(t, tc.aliasing, testing.AllocsPerRun(20, decoding((*Message).UnmarshalAlias)))
			require.Equal(t, tc.m, m)
		})
	}
}

// Entries that follow one another are counted first, room that is there is used, and when other fields come between
// entries the room for them grows by doubling.
func TestRoomForEntries(t *testing.T) {
	short, err := (&Message{Entries: make([]Entry, 3)}).Marshal()
	require.NoError(t, err)
	var m Message
	require.NoError(t, m.Unmarshal(short))
	require.Len(t, m.Entries, 3)
	require.Equal(t, 3, cap(m.Entries))

	input := slices.Concat(short, unhex(t, "c33e3a00c43e"), short) // between them a group, which is not to be looked into
	room := make([]Entry, 1, 7)
	room[0].Index = 9
	m = Message{Entries: room}
	require.NoError(t, m.Unmarshal(input))
	require.Len(t, m.Entries, 7)
	require.Same(t, &room[0], &m.Entries[0])
	require.Equal(t, uint64(9), m.Entries[0].Index)

	scattered := bytes.Repeat(unhex(t, "3a00c03e01"), 10_000)
	require.Less(t, testing.AllocsPerRun(1, func() { m = Message{}; err = m.Unmarshal(scattered) }), 40.0)
	require.NoError(t, err)
	require.Len(t, m.Entries, 10_000)
}

// The data of entries lies in one block, but no entry's data can grow into the next one's.
func TestDataOfEntriesIsApart(t *testing.T) {
	want := appendOf(3)
	input, err := want.Marshal()
	require.NoError(t, err)
	for name, decode := range messageDecoders() {
		var m Message
		require.NoError(t, decode(&m, bytes.Clone(input)))
		for i := range m.Entries {
			require.Equal(t, len(m.Entries[i].Data), cap(m.Entries[i].Data), name)
			_ = append(m.Entries[i].Data, "written behind"...)
		}
		require.Equal(t, want, m, name)
	}
}
