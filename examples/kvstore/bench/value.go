package bench

// Values that describe themselves, so that one that is torn, misplaced or old is recognised by itself.
//
//	kvb1 run=4TQX7 writer=3 key=17 seq=12 ....filler.... 1a2b3c4d
//
// The filler does not compress, and the checksum at the end covers everything before it. All of it is ASCII, so that it
// stands in JSON as it is.

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
)

const (
	// MinSize is the size of the smallest value that has room for its description.
	MinSize     = 112
	checksumLen = 8
	fillers     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// stamp is what a value says of itself.
type stamp struct {
	run    string
	writer int
	key    int
	seq    uint64 // counts the writes of this key in this run, from 1
}

// encode makes the value of a stamp. It is the same for the same stamp and size.
func (s stamp) encode(size int) []byte {
	value := make([]byte, 0, size)
	value = fmt.Appendf(value, "kvb1 run=%s writer=%d key=%d seq=%d ", s.run, s.writer, s.key, s.seq)
	source := rand.NewPCG(uint64(s.key), s.seq)
	for body := size - checksumLen; len(value) < body; {
		bits := source.Uint64()
		for i := 0; i < 10 && len(value) < body; i++ {
			value = append(value, fillers[bits&63])
			bits >>= 6
		}
	}
	return fmt.Appendf(value, "%08x", checksum(value))
}

// parseStamp reads a value. The error says that it is none that encode made.
func parseStamp(value []byte) (stamp, error) {
	var s stamp
	if len(value) < checksumLen {
		return s, fmt.Errorf("it has only %d bytes", len(value))
	}
	body := value[:len(value)-checksumLen]
	want, err := strconv.ParseUint(string(value[len(body):]), 16, 32)
	if err != nil || uint32(want) != checksum(body) {
		return s, fmt.Errorf("its checksum is wrong: %q", shorten(value))
	}
	if _, err := fmt.Sscanf(string(body), "kvb1 run=%s writer=%d key=%d seq=%d ", &s.run, &s.writer, &s.key, &s.seq); err != nil {
		return s, fmt.Errorf("it is no value of a bench: %q", shorten(value))
	}
	return s, nil
}

func checksum(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}

func shorten(value []byte) []byte {
	return value[:min(len(value), 80)]
}
