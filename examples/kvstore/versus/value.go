package main

// What is written: 10,000 keys of 16 bytes, and values of 256 bytes that do not compress and say whose they are.

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
)

const (
	keys       = 10_000
	valueBytes = 256
)

func keyName(i int) string { return fmt.Sprintf("versus/k%08d", i) }

// newValue makes a value of a key: its number, random bytes, and a checksum of both.
func newValue(random *rand.ChaCha8, key int) []byte {
	value := make([]byte, valueBytes)
	binary.BigEndian.PutUint64(value, uint64(key))
	body := value[8 : valueBytes-4]
	_, _ = random.Read(body) // never fails
	binary.BigEndian.PutUint32(value[valueBytes-4:], crc32.ChecksumIEEE(value[:valueBytes-4]))
	return value
}

// checkValue says what is wrong with the value of a key.
func checkValue(key int, value []byte) error {
	if len(value) != valueBytes {
		return fmt.Errorf("the value of %s has %d bytes instead of %d", keyName(key), len(value), valueBytes)
	}
	if crc32.ChecksumIEEE(value[:valueBytes-4]) != binary.BigEndian.Uint32(value[valueBytes-4:]) {
		return fmt.Errorf("the value of %s is not as it was written", keyName(key))
	}
	if owner := binary.BigEndian.Uint64(value); owner != uint64(key) {
		return fmt.Errorf("%s has the value of %s", keyName(key), keyName(int(owner)))
	}
	return nil
}
