package wire

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// value is what travels.
type value interface {
	Encode(*Encoder)
	Decode(*Decoder)
}

func samples() map[string][2]value {
	start := &Start{
		ID: 3, ElectionTick: 10, HeartbeatTick: 1, Applied: 7, MaxSizePerMsg: 1 << 63, MaxInflightMsgs: 4, CheckQuorum: true,
		StepDownOnRemoval: true, Rand: []byte("state"), HardState: []byte{}, ConfState: []byte{1}, First: 5, FirstTerm: 2,
		Entries: [][]byte{{1, 2}, {}, {3}},
	}
	ready := &Ready{
		HasSoft: true, Lead: 2, Role: 1, HardState: []byte{8}, Entries: [][]byte{{1}}, Committed: [][]byte{{2}, {3}},
		Messages: [][]byte{{4}}, Reads: []Read{{Context: []byte("a"), Index: 9}}, Lost: []Read{{Context: []byte("b")}}, MustSync: true,
	}
	return map[string][2]value{
		"start":  {start, &Start{}},
		"ready":  {ready, &Ready{}},
		"status": {&Status{ID: 1, Term: 2, Vote: 3, Commit: 4, Lead: 5, Role: 6, Applied: 7, LeadTransferee: 1 << 63}, &Status{}},
	}
}

func TestValuesTravel(t *testing.T) {
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			var pipe bytes.Buffer
			a, b := NewConn(nil, &pipe), NewConn(&pipe, nil)
			e := a.Begin()
			s[0].Encode(e)
			require.NoError(t, a.Send(e))
			d, err := b.Receive()
			require.NoError(t, err)
			s[1].Decode(d)
			require.NoError(t, d.Err())
			require.Equal(t, s[0], s[1])
			_, err = b.Receive()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

// A frame that ends anywhere in the middle is an error, and no panic.
func TestShortFrames(t *testing.T) {
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			e := &Encoder{}
			s[0].Encode(e)
			for n := range e.b {
				d := &Decoder{b: e.b[:n]}
				s[1].Decode(d)
				require.Error(t, d.Err(), "%d of %d bytes", n, len(e.b))
			}
		})
	}
}

func TestFramesAreBounded(t *testing.T) {
	_, err := NewConn(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff}), nil).Receive()
	require.ErrorContains(t, err, "the limit is")
	_, err = NewConn(bytes.NewReader([]byte{4, 0, 0, 0, 1}), nil).Receive()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestOpsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for op := range opCount {
		require.NotEmpty(t, op.String())
		require.False(t, seen[op.String()], op.String())
		seen[op.String()] = true
	}
	require.Equal(t, "request 200", Op(200).String())
}
