package store

import (
	"fmt"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// How fast it is, on a disk. Figures are per command, per read, per byte.

func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.TempDir(), Options{FS: vfs.Default, Logger: quiet()})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

func putCommands(b *testing.B, n, keys int, value []byte) []replica.Command {
	b.Helper()
	commands := make([]replica.Command, n)
	for i := range commands {
		key := fmt.Appendf(nil, "key-%08d", (i*7919)%keys)
		data, err := Encode(&Command{Kind: KindPut, Key: key, Value: value})
		require.NoError(b, err)
		commands[i] = replica.Command{Index: uint64(i + 1), Data: data}
	}
	return commands
}

func fill(b *testing.B, s *Store, commands []replica.Command, size int) {
	for len(commands) > 0 {
		n := min(size, len(commands))
		_, err := s.Apply(commands[:n])
		require.NoError(b, err)
		require.NoError(b, s.Commit(commands[n-1].Index, nil))
		commands = commands[n:]
	}
}

func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := benchStore(b)
			commands := putCommands(b, b.N, 200_000, make([]byte, 100))
			b.ReportAllocs()
			b.ResetTimer()
			fill(b, s, commands, size)
			require.NoError(b, s.Sync())
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := benchStore(b)
	fill(b, s, putCommands(b, 100_000, 100_000, make([]byte, 100)), 512)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_, found, err := s.Get(fmt.Appendf(nil, "key-%08d", i%100_000))
		i += 7919
		if err != nil || !found {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	s := benchStore(b)
	fill(b, s, putCommands(b, 100_000, 100_000, make([]byte, 100)), 512)
	b.ReportAllocs()
	for b.Loop() {
		page, err := s.List(ListOptions{Prefix: []byte("key-0000"), Limit: 100})
		if err != nil || len(page.Items) != 100 {
			b.Fatal(len(page.Items), err)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	s := benchStore(b)
	fill(b, s, putCommands(b, 200_000, 200_000, make([]byte, 400)), 512)
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			b.SetBytes(writeView(b, s, io.Discard))
		}
	})
	b.Run("restore", func(b *testing.B) {
		other := benchStore(b)
		for b.Loop() {
			read, write := io.Pipe()
			go func() {
				b.SetBytes(writeView(b, s, write))
				_ = write.Close()
			}()
			require.NoError(b, other.Restore(read))
			require.NoError(b, other.Commit(1, nil))
		}
	})
}

func writeView(b *testing.B, s *Store, w io.Writer) int64 {
	v, err := s.Capture()
	require.NoError(b, err)
	n, err := v.WriteTo(w)
	require.NoError(b, err)
	require.NoError(b, v.Close())
	return n
}
