// The hand-written encoders of Message and Entry: that they write the bytes that the generated ones write, their twins
// in message_twin_test.go, that these decode as the generated decoder has it, and what encoding allocates.

package raftpb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// encoder is what a type has to encode itself, written by hand or generated.
type encoder interface {
	Size() int
	Marshal() ([]byte, error)
	MarshalTo([]byte) (int, error)
	MarshalToSizedBuffer([]byte) (int, error)
}

// checkEncodesAs requires that every way to encode a value gives the twin's bytes and touches nothing beside them.
func checkEncodesAs(t *testing.T, value, twin encoder) {
	t.Helper()
	want, err := twin.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := value.Marshal()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%v encodes as\n%x (error %v), the twin as\n%x", value, got, err, want)
	}
	if value.Size() != len(want) || twin.Size() != len(want) {
		t.Fatalf("%v has the size %d, and %d bytes", value, value.Size(), len(want))
	}

	const margin = 80
	pad := bytes.Repeat([]byte{0xa5}, margin)
	exact := make([]byte, len(want))
	front := append(make([]byte, len(want)), pad...)
	capacity := make([]byte, 0, len(want))
	back := append(bytes.Clone(pad), make([]byte, len(want))...)
	for name, buffer := range map[string][]byte{"exact": exact, "front": front, "capacity": capacity} {
		if n, err := value.MarshalTo(buffer); err != nil || n != len(want) || !bytes.Equal(buffer[:n], want) {
			t.Fatalf("MarshalTo of %v into the %s buffer gives %d (error %v)\n%x", value, name, n, err, buffer)
		}
	}
	if !bytes.Equal(front[len(want):], pad) {
		t.Fatalf("MarshalTo of %v writes behind its end: %x", value, front)
	}
	if n, err := value.MarshalToSizedBuffer(back); err != nil || n != len(want) || !bytes.Equal(back[margin:], want) {
		t.Fatalf("MarshalToSizedBuffer of %v gives %d (error %v)\n%x", value, n, err, back)
	}
	if !bytes.Equal(back[:margin], pad) {
		t.Fatalf("MarshalToSizedBuffer of %v writes before its start: %x", value, back)
	}
}

// checkMessageEncodes checks a message, its entries and its responses.
func checkMessageEncodes(t *testing.T, m *Message) {
	t.Helper()
	checkEncodesAs(t, m, (*twinMessage)(m))
	for i := range m.Entries {
		checkEncodesAs(t, &m.Entries[i], (*twinEntry)(&m.Entries[i]))
	}
	for i := range m.Responses {
		checkMessageEncodes(t, &m.Responses[i])
	}
}

// randomMessages makes messages whose numbers and lengths are near those at which an encoding gets longer.
type randomMessages struct{ *rand.Rand }

// number is zero, or has any number of bits, and often no others than the highest or all of them.
func (r randomMessages) number() uint64 {
	v := r.Uint64() >> r.IntN(64)
	switch r.IntN(4) {
	case 0:
		return 0
	case 1:
		return 1<<r.IntN(64) - 1
	case 2:
		return 1 << r.IntN(64)
	default:
		return v
	}
}

// data is nil, empty, short, or of a length at which it, or an entry that holds it, needs another byte for its length.
func (r randomMessages) data() []byte {
	var n int
	switch r.IntN(8) {
	case 0:
		return nil
	case 1:
		n = 0
	case 2, 3:
		n = 70 + r.IntN(64)
	case 4:
		n = 1<<14 - 64 + r.IntN(128)
	default:
		n = r.IntN(20)
	}
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func (r randomMessages) entry() Entry {
	return Entry{Type: EntryType(r.number()), Term: r.number(), Index: r.number(), Data: r.data()}
}

// message returns a message with at most depth levels of responses.
func (r randomMessages) message(depth int) Message {
	m := Message{
		Type: MessageType(r.number()), To: r.number(), From: r.number(), Term: r.number(), LogTerm: r.number(),
		Index: r.number(), Commit: r.number(), Vote: r.number(), Reject: r.IntN(2) == 0, RejectHint: r.number(),
	}
	if r.IntN(2) == 0 {
		// As real ones are: small, but for one.
		m = Message{Type: MessageType(r.IntN(24)), To: r.Uint64N(128), From: r.Uint64N(128), Commit: r.number()}
	}
	for n := r.IntN(6); len(m.Entries) < n; {
		m.Entries = append(m.Entries, r.entry())
	}
	if r.IntN(3) == 0 {
		m.Context = r.data()
	}
	if r.IntN(5) == 0 {
		m.Snapshot = &Snapshot{Data: r.data(), Metadata: SnapshotMetadata{Index: r.number(), Term: r.number()}}
		m.Snapshot.Metadata.ConfState = ConfState{Voters: []uint64{r.number(), r.number()}, AutoLeave: r.IntN(2) == 0}
	}
	for n := r.IntN(3); depth > 0 && len(m.Responses) < n; {
		m.Responses = append(m.Responses, r.message(depth-1))
	}
	return m
}

func TestMessageEncodesAsTwin(t *testing.T) {
	random := randomMessages{rand.New(rand.NewPCG(7, 14))}
	for range 4000 {
		m := random.message(MaxResponseDepth + 1)
		checkMessageEncodes(t, &m)
	}
}

// Every length of data around those at which an entry's length, or its data's, takes another byte.
func TestEntryEncodesAsTwinAtEveryLength(t *testing.T) {
	const long = 1<<14 + 40
	data := make([]byte, long)
	for n := range long {
		if n > 160 && n < 1<<14-60 {
			continue
		}
		for _, index := range []uint64{1, 1 << 7, 1 << 14, 1<<64 - 1} {
			m := Message{Entries: []Entry{{Index: index, Data: data[:n]}, {Index: index + 1}}}
			checkMessageEncodes(t, &m)
		}
	}
}

func TestMessageDecodesEncodingsAsTwin(t *testing.T) {
	random := randomMessages{rand.New(rand.NewPCG(21, 3))}
	for range 3000 {
		m := random.message(MaxResponseDepth + 1)
		encoded, err := (*twinMessage)(&m).Marshal()
		require.NoError(t, err)
		damaged := bytes.Clone(encoded)
		for range 1 + random.IntN(3) {
			damaged[random.IntN(len(damaged))] ^= 1 << random.IntN(8)
		}
		unknown := unhex(t, "c03e01")
		cut := random.IntN(len(encoded))
		for _, inputs := range [][][]byte{
			{encoded, encoded}, {encoded[:cut]}, {damaged}, {append(encoded[:len(encoded):len(encoded)], unknown...), encoded},
			{append(unknown, encoded...)},
		} {
			checkAgainstTwin(t, (*Message).Unmarshal, inputs...)
			checkAgainstTwin(t, (*Message).UnmarshalAlias, inputs...)
		}
	}
}

// FuzzMessageEncodesAsTwin encodes whatever decodes.
func FuzzMessageEncodesAsTwin(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add(v.encoded)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		var m Message
		if m.UnmarshalAlias(input) == nil {
			checkMessageEncodes(t, &m)
		}
	})
}

func TestSizeOfNothing(t *testing.T) {
	require.Zero(t, (*Message)(nil).Size())
	require.Zero(t, (*Entry)(nil).Size())
}

// A buffer that is too small must not go unnoticed: what it holds then is no message.
func TestMarshalIntoTooLittle(t *testing.T) {
	random := randomMessages{rand.New(rand.NewPCG(4, 4))}
	for range 300 {
		m := random.message(1)
		e := random.entry()
		for _, value := range []encoder{&m, &e} {
			size := value.Size()
			for _, short := range []int{0, size / 2, size - 1} {
				buffer := make([]byte, short)
				require.Panics(t, func() { _, _ = value.MarshalTo(buffer[:short:short]) })
				require.Panics(t, func() { _, _ = value.MarshalToSizedBuffer(buffer[:short:short]) })
			}
		}
	}
}

func TestAllocationsOfEncoding(t *testing.T) {
	heartbeat := Message{Type: MsgHeartbeat, To: 2, From: 1, Term: 3, Commit: 4}
	one, many, full := appendOf(1), appendOf(64), messageOfBytes()
	for name, m := range map[string]*Message{"heartbeat": &heartbeat, "1 entry": &one, "64 entries": &many, "full": &full} {
		buffer := make([]byte, m.Size())
		size := 0
		require.Zero(t, testing.AllocsPerRun(20, func() { size += m.Size() }), name)
		require.Zero(t, testing.AllocsPerRun(20, func() { _, _ = m.MarshalTo(buffer) }), name)
		require.Equal(t, 1.0, testing.AllocsPerRun(20, func() { buffer, _ = m.Marshal() }), name)
		require.Equal(t, 21*len(buffer), size, name)
	}
	e := &one.Entries[0]
	buffer := make([]byte, e.Size())
	require.Zero(t, testing.AllocsPerRun(20, func() { _, _ = e.MarshalTo(buffer) }))
	require.Equal(t, 1.0, testing.AllocsPerRun(20, func() { buffer, _ = e.Marshal() }))
	require.Equal(t, fmt.Sprintf("%x", buffer), fmt.Sprintf("%x", mustMarshal(t, (*twinEntry)(e))))
}

func mustMarshal(t *testing.T, value encoder) []byte {
	t.Helper()
	encoded, err := value.Marshal()
	require.NoError(t, err)
	return encoded
}
