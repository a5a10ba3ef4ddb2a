package pebblelog

import (
	"encoding/binary"
	"fmt"
	"math"
)

// How keys are laid out. All of a group's keys begin with the group, so that they are one range:
//
//	00 "format"                        what wrote the database, see formatText
//	01 group 01                        head: hard state, both ends of the log
//	01 group 02                        the newest snapshot
//	01 group 03                        the snapshot that is being staged
//	01 group 04 index                  an entry
//	01 group 05 contents chunk         a piece of the contents of a snapshot
//
// Numbers are 8 bytes, big-endian, so that the order of keys is that of numbers.

const (
	formatKey  = "\x00format"
	formatText = "raft pebblelog 1"
)

const (
	groupsPrefix = 0x01
	groupsEnd    = 0x02
)

// A kind is what a key of a group stands for.
type kind byte

const (
	kindHead kind = iota + 1
	kindSnapshot
	kindStaged
	kindEntry
	kindChunk
	kindEnd // not a kind: the bound of those that are
)

const (
	groupKeySize  = 1 + 8
	recordKeySize = groupKeySize + 1
	entryKeySize  = recordKeySize + 8
	chunkKeySize  = recordKeySize + 16
)

// groupStart returns the bound below all keys of a group.
func groupStart(group uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, chunkKeySize), groupsPrefix), group)
}

// groupEnd returns the bound above all keys of a group.
func groupEnd(group uint64) []byte {
	if group == math.MaxUint64 {
		return []byte{groupsEnd}
	}
	return groupStart(group + 1)
}

func recordKey(group uint64, k kind) []byte {
	return append(groupStart(group), byte(k))
}

func entryKey(group, index uint64) []byte {
	return binary.BigEndian.AppendUint64(recordKey(group, kindEntry), index)
}

// putEntryKey writes the key of an entry into a slice that is as long as it.
func putEntryKey(key []byte, group, index uint64) {
	key[0], key[groupKeySize] = groupsPrefix, byte(kindEntry)
	binary.BigEndian.PutUint64(key[1:], group)
	binary.BigEndian.PutUint64(key[recordKeySize:], index)
}

// entryKeyAfter returns the bound above the entry at an index.
func entryKeyAfter(group, index uint64) []byte {
	if index == math.MaxUint64 {
		return recordKey(group, kindEntry+1)
	}
	return entryKey(group, index+1)
}

func chunkKey(group, contents, chunk uint64) []byte {
	return binary.BigEndian.AppendUint64(contentsStart(group, contents), chunk)
}

// contentsStart returns the bound below all chunks of the contents.
func contentsStart(group, contents uint64) []byte {
	return binary.BigEndian.AppendUint64(recordKey(group, kindChunk), contents)
}

// contentsEnd returns the bound above all chunks of the contents.
func contentsEnd(group, contents uint64) []byte {
	if contents == math.MaxUint64 {
		return recordKey(group, kindEnd)
	}
	return contentsStart(group, contents+1)
}

// splitKey takes apart a key of a group. The numbers after the kind are zero where there are none.
func splitKey(key []byte) (group uint64, k kind, first, second uint64, err error) {
	if len(key) < recordKeySize || key[0] != groupsPrefix {
		return 0, 0, 0, 0, fmt.Errorf("key %x is none of this store", key)
	}
	group = binary.BigEndian.Uint64(key[1:])
	k = kind(key[groupKeySize])
	rest := key[recordKeySize:]
	if len(rest) >= 8 {
		first = binary.BigEndian.Uint64(rest)
	}
	if len(rest) >= 16 {
		second = binary.BigEndian.Uint64(rest[8:])
	}
	if k == 0 || k >= kindEnd || len(key) != keySize(k) {
		return 0, 0, 0, 0, fmt.Errorf("key %x is none of this store", key)
	}
	return group, k, first, second, nil
}

// keySize returns how long the keys of a kind are.
func keySize(k kind) int {
	switch k {
	case kindEntry:
		return entryKeySize
	case kindChunk:
		return chunkKeySize
	}
	return recordKeySize
}
