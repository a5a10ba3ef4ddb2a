package raft

import (
	"fmt"
	"testing"

	pb "github.com/seed695671cb/raft/raftpb"
)

// benchmarkSizes are numbers of entries in the log. The cost of an operation must not grow with them.
func benchmarkSizes() []uint64 { return []uint64{10_000, 100_000, 1_000_000} }

// filledStorage returns a storage with the entries 1 to n, which share their Data.
func filledStorage(b *testing.B, n uint64) *MemoryStorage {
	data := make([]byte, 64)
	ents := make([]pb.Entry, n)
	for i := range ents {
		ents[i] = pb.Entry{Term: 1, Index: uint64(i + 1), Data: data}
	}
	ms := NewMemoryStorage()
	if err := ms.Append(ents); err != nil {
		b.Fatal(err)
	}
	return ms
}

// BenchmarkMemoryStorageAppend appends one entry to a log of a given length, which is kept near it by compaction.
func BenchmarkMemoryStorageAppend(b *testing.B) {
	for _, n := range benchmarkSizes() {
		b.Run(fmt.Sprintf("log=%d", n), func(b *testing.B) {
			ms := filledStorage(b, n)
			last := n
			ent := make([]pb.Entry, 1)
			b.ReportAllocs()
			for b.Loop() {
				last++
				ent[0] = pb.Entry{Term: 1, Index: last}
				if err := ms.Append(ent); err != nil {
					b.Fatal(err)
				}
				if last%10_000 != 0 {
					continue
				}
				if err := ms.Compact(last - n); err != nil && err != ErrCompacted {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMemoryStorageCompact compacts one entry at a time away from a log of a given length, and appends one.
func BenchmarkMemoryStorageCompact(b *testing.B) {
	for _, n := range benchmarkSizes() {
		b.Run(fmt.Sprintf("log=%d", n), func(b *testing.B) {
			ms := filledStorage(b, n)
			last := n
			ent := make([]pb.Entry, 1)
			b.ReportAllocs()
			for b.Loop() {
				last++
				ent[0] = pb.Entry{Term: 1, Index: last}
				if err := ms.Append(ent); err != nil {
					b.Fatal(err)
				}
				if err := ms.Compact(last - n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMemoryStorageReplaceTail overwrites the last ten entries of a log of a given length.
func BenchmarkMemoryStorageReplaceTail(b *testing.B) {
	for _, n := range benchmarkSizes() {
		b.Run(fmt.Sprintf("log=%d", n), func(b *testing.B) {
			ms := filledStorage(b, n)
			ents := testEntries(2, n-9, n)
			b.ReportAllocs()
			for b.Loop() {
				if err := ms.Append(ents); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMemoryStorageEntries reads a hundred entries, within one segment and across two.
func BenchmarkMemoryStorageEntries(b *testing.B) {
	for _, n := range benchmarkSizes() {
		for i, lo := range []uint64{2049, 2000} {
			name := []string{"within", "across"}[i]
			b.Run(fmt.Sprintf("log=%d/%s", n, name), func(b *testing.B) {
				ms := filledStorage(b, n)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := ms.Entries(lo, lo+100, noLimit); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
