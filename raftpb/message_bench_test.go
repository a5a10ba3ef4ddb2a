// Benchmarks of encoding and decoding what members send most, each beside the generated code:
//
//	go test -run '^$' -bench BenchmarkMessage -cpu 1 -count 10 ./raftpb
//
// The goals, as ratios of hand to generated for an append of 64 entries of 128 bytes: Marshal 0.9, MarshalTo 0.6,
// Unmarshal 0.6, UnmarshalAlias 0.3; and nothing slower than generated.

package raftpb

import "testing"

// benchAppend returns an append of n entries with data of 128 bytes each.
func benchAppend(n int) Message {
	m := Message{Type: MsgApp, To: 2, From: 1, Term: 5, LogTerm: 5, Index: 100_000, Commit: 100_000}
	for i := range n {
		m.Entries = append(m.Entries, Entry{Term: 5, Index: m.Index + 1 + uint64(i), Data: make([]byte, 128)})
	}
	return m
}

// benchmarkMessages runs both ways over each message, one after the other; each is given the message, its encoding, and
// a buffer of that size.
func benchmarkMessages(b *testing.B, hand, generated func(m *Message, encoded, buffer []byte) error) {
	messages := []struct {
		name string
		m    Message
	}{
		{"heartbeat", Message{Type: MsgHeartbeat, To: 2, From: 1, Term: 5, Commit: 100_000}},
		{"appendResponse", Message{Type: MsgAppResp, To: 1, From: 2, Term: 300, Index: 1 << 20, LogTerm: 5, Commit: 1 << 20}},
		{"append1", benchAppend(1)},
		{"append64", benchAppend(64)},
	}
	for _, c := range messages {
		encoded, err := c.m.Marshal()
		if err != nil {
			b.Fatal(err)
		}
		buffer := make([]byte, len(encoded))
		run := func(work func(m *Message, encoded, buffer []byte) error) func(b *testing.B) {
			return func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := work(&c.m, encoded, buffer); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		b.Run(c.name+"/hand", run(hand))
		b.Run(c.name+"/generated", run(generated))
	}
}

func BenchmarkMessageSize(b *testing.B) {
	size := 0
	benchmarkMessages(b, func(m *Message, _, _ []byte) error {
		size += m.Size()
		return nil
	}, func(m *Message, _, _ []byte) error {
		size += (*twinMessage)(m).Size()
		return nil
	})
}

func BenchmarkMessageMarshal(b *testing.B) {
	var out []byte // on the heap, as for most callers
	benchmarkMessages(b, func(m *Message, _, _ []byte) (err error) {
		out, err = m.Marshal()
		return err
	}, func(m *Message, _, _ []byte) (err error) {
		out, err = (*twinMessage)(m).Marshal()
		return err
	})
	_ = out
}

func BenchmarkMessageMarshalTo(b *testing.B) {
	benchmarkMessages(b, func(m *Message, _, buffer []byte) error {
		_, err := m.MarshalTo(buffer)
		return err
	}, func(m *Message, _, buffer []byte) error {
		_, err := (*twinMessage)(m).MarshalTo(buffer)
		return err
	})
}

func BenchmarkMessageUnmarshal(b *testing.B) {
	var decoded Message
	benchmarkMessages(b, func(_ *Message, encoded, _ []byte) error {
		decoded = Message{}
		return decoded.Unmarshal(encoded)
	}, func(_ *Message, encoded, _ []byte) error {
		decoded = Message{}
		return (*twinMessage)(&decoded).Unmarshal(encoded)
	})
}

func BenchmarkMessageUnmarshalAlias(b *testing.B) {
	var decoded Message
	benchmarkMessages(b, func(_ *Message, encoded, _ []byte) error {
		decoded = Message{}
		return decoded.UnmarshalAlias(encoded)
	}, func(_ *Message, encoded, _ []byte) error {
		decoded = Message{}
		return (*twinMessage)(&decoded).Unmarshal(encoded)
	})
}
