package replica

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func envelopeExamples() []envelope {
	return []envelope{
		{kind: kindCommand, life: 1, number: 1, command: []byte("x")},
		{kind: kindCommand, life: math.MaxUint64, number: math.MaxUint64, command: []byte{}},
		{kind: kindSessionCommand, life: 7, number: 300, session: 9, seq: 200, low: 199, command: []byte("set")},
		{kind: kindSessionCommand, session: math.MaxUint64, seq: math.MaxUint64, low: 1, command: []byte{}},
		{kind: kindOpenSession, life: 1 << 60, number: 5, maxSessions: 4096},
		{kind: kindCloseSession, life: 3, number: 128, session: 127},
	}
}

func TestEnvelopeComesBackAsItWas(t *testing.T) {
	for _, e := range envelopeExamples() {
		data := e.encode()
		require.Equal(t, e.size(), len(data), "%v", e)
		require.Equal(t, len(data), cap(data), "%v", e)
		got, err := decodeEnvelope(data)
		require.NoError(t, err)
		require.Equal(t, e, got)
	}
}

func TestEnvelopeCommandAliasesTheEntry(t *testing.T) {
	e := envelope{kind: kindCommand, command: []byte("abc")}
	data := e.encode()
	got, err := decodeEnvelope(data)
	require.NoError(t, err)
	require.Same(t, &data[len(data)-3], &got.command[0])
	require.Equal(t, 3, cap(got.command), "appending to the command must not write behind it")
}

func TestEnvelopeEveryPrefixIsRefusedOrMeansAnother(t *testing.T) {
	for _, e := range envelopeExamples() {
		data := e.encode()
		head := len(data) - len(e.command)
		for n := range head {
			_, err := decodeEnvelope(data[:n])
			require.Error(t, err, "%d of %d bytes of %v", n, len(data), e)
		}
	}
}

func TestEnvelopeErrorsSayWhatIsWrong(t *testing.T) {
	life := make([]byte, 8)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":         {nil, "entry: first byte at offset 0 is missing"},
		"kind 0":        {join([]byte{0x10}, life, []byte{1}), "says kind 0, which no entry holds"},
		"change":        {join([]byte{0x15}, life, []byte{1}), "says membership change, which no entry holds"},
		"newer version": {join([]byte{0x21}, life, []byte{1}), "says version 2, but this program knows only version 1"},
		"short life":    {[]byte{0x11, 1, 2}, "life at offset 1 is cut short"},
		"long number":   {join([]byte{0x11}, life, []byte{0x81, 0}), "number at offset 9 is not written in the shortest way"},
		"huge number":   {join([]byte{0x11}, life, bytes.Repeat([]byte{0xff}, 11)), "number at offset 9 does not fit 64 bits"},
		"session 0":     {join([]byte{0x14}, life, []byte{1, 0}), "session at offset 11 must not be zero"},
		"low above seq": {join([]byte{0x12}, life, []byte{1, 1, 4, 5}), "has number 4 and says that all below 5 are answered"},
		"more behind":   {join([]byte{0x14}, life, []byte{1, 1, 1}), "1 unexpected bytes after the end at offset 11"},
	} {
		_, err := decodeEnvelope(tc.data)
		require.ErrorContains(t, err, tc.want, name)
	}
}

func TestEnvelopeTakesNoMemoryToDecode(t *testing.T) {
	e := envelope{kind: kindSessionCommand, life: 7, number: 300, session: 9, seq: 200, low: 199, command: []byte("set")}
	data := e.encode()
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := decodeEnvelope(data); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocs)
}

func FuzzEnvelope(f *testing.F) {
	for _, e := range envelopeExamples() {
		f.Add(e.encode())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decodeEnvelope(data)
		if err != nil {
			return
		}
		require.Equal(t, data, e.encode(), "one value has one encoding")
	})
}
