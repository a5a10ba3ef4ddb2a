package cluster

import (
	"hash/fnv"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The driver handles messages as values of this library, but members get the bytes that the sender's library made: what one
// of them encodes, the others have to decode.

// maxBytesKept bounds how many messages are kept: those on their way are far fewer.
const maxBytesKept = 100_000

// digest sums up what this library encodes a message to.
func digest(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}

// keepBytes remembers the bytes of messages that were sent.
func (g *group) keepBytes(msgs []pb.Message, sent [][]byte) {
	if len(g.bytes) > maxBytesKept {
		clear(g.bytes)
	}
	for i := range msgs {
		g.bytes[digest(encode(&msgs[i]))] = sent[i]
	}
}

// bytesOf returns the bytes that the sender of the message made. Those of a response of a storage thread are this library's.
func (g *group) bytesOf(m *pb.Message) []byte {
	b := encode(m)
	if sent, ok := g.bytes[digest(b)]; ok {
		return sent
	}
	return b
}
