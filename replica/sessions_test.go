package replica

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// applied uses a command and, if it is new, records a result.
func applied(t *sessionTable, index, session, seq, low uint64, result string) (sessionVerdict, string) {
	verdict, known := t.use(index, session, seq, low)
	if verdict == commandNew {
		t.record(session, seq, []byte(result))
	}
	return verdict, string(known.data)
}

func openSessions(t *sessionTable) []uint64 {
	var ids []uint64
	for s := t.oldest; s != nil; s = s.newer {
		ids = append(ids, s.id)
	}
	return ids
}

func TestSessionAppliesACommandOnce(t *testing.T) {
	table := newSessionTable()
	require.Empty(t, table.open(10, 8))
	verdict, _ := applied(table, 11, 10, 1, 1, "one")
	require.Equal(t, commandNew, verdict)

	verdict, result := table.use(12, 10, 1, 1)
	require.Equal(t, commandDone, verdict)
	require.Equal(t, sessionResult{seq: 1, index: 11, data: []byte("one")}, result)

	verdict, _ = applied(table, 13, 10, 3, 1, "three")
	require.Equal(t, commandNew, verdict, "commands may come in another order")
	verdict, _ = applied(table, 14, 10, 2, 1, "")
	require.Equal(t, commandNew, verdict)
	verdict, result = table.use(15, 10, 2, 1)
	require.Equal(t, commandDone, verdict)
	require.Nil(t, result.data, "an empty result is nil")
}

func TestSessionForgetsWhatTheClientHas(t *testing.T) {
	table := newSessionTable()
	table.open(1, 8)
	for seq := uint64(1); seq <= 4; seq++ {
		applied(table, 1+seq, 1, seq, 1, "r")
	}
	verdict, _ := applied(table, 6, 1, 5, 4, "five")
	require.Equal(t, commandNew, verdict)
	for seq, want := range map[uint64]sessionVerdict{
		0: commandForgotten, 1: commandForgotten, 3: commandForgotten, 4: commandDone, 5: commandDone,
	} {
		verdict, _ := table.use(7, 1, seq, 1)
		require.Equal(t, want, verdict, "command %d", seq)
	}
	require.Equal(t, 2, table.sessions[1].results.len())
}

func TestSessionRefusesWhatIsTooFarAhead(t *testing.T) {
	table := newSessionTable()
	table.open(1, 8)
	verdict, _ := applied(table, 2, 1, maxInFlight, 1, "last")
	require.Equal(t, commandNew, verdict)
	verdict, _ = applied(table, 3, 1, maxInFlight+1, 1, "beyond")
	require.Equal(t, commandRefused, verdict)
	verdict, _ = applied(table, 4, 1, maxInFlight+1, 2, "fits")
	require.Equal(t, commandNew, verdict)
	verdict, _ = applied(table, 5, 1, 1<<63, 1, "far")
	require.Equal(t, commandRefused, verdict)
}

func TestSessionsUnknown(t *testing.T) {
	table := newSessionTable()
	verdict, _ := applied(table, 5, 4, 1, 1, "")
	require.Equal(t, sessionUnknown, verdict)
	table.open(6, 8)
	require.True(t, table.close(6))
	require.False(t, table.close(6))
	verdict, _ = applied(table, 8, 6, 1, 1, "")
	require.Equal(t, sessionUnknown, verdict)
	require.Zero(t, table.len())
}

func TestSessionsEvictThoseNotUsedForTheLongestTime(t *testing.T) {
	table := newSessionTable()
	for index := uint64(1); index <= 4; index++ {
		require.Empty(t, table.open(index, 4))
	}
	applied(table, 5, 1, 1, 1, "")
	applied(table, 6, 3, 1, 1, "")
	table.use(7, 1, 1, 1) // a repetition is a use as well
	require.Equal(t, []uint64{2, 4, 3, 1}, openSessions(table))
	require.Equal(t, []uint64{2}, table.open(8, 4))
	require.Equal(t, []uint64{4, 3, 1}, table.open(9, 2), "the bound may become smaller")
	require.Equal(t, []uint64{8, 9}, openSessions(table))
	require.Equal(t, []uint64{8, 9}, table.open(10, 0), "the new session is not evicted")
	require.Equal(t, 1, table.len())
}

// TestSessionBatch has calls of use come before the results of earlier ones are recorded, as when commands are applied
// in batches: the table has to become what it would have become one by one.
func TestSessionBatch(t *testing.T) {
	batch, single := newSessionTable(), newSessionTable()
	for _, table := range []*sessionTable{batch, single} {
		table.open(1, 2)
		table.open(2, 2)
	}
	applied(single, 3, 1, 1, 1, "a")
	applied(single, 4, 1, 2, 2, "b")
	applied(single, 5, 2, 1, 1, "c")
	applied(single, 6, 2, 1, 1, "-")
	require.Equal(t, []uint64{1}, single.open(7, 2))

	use := func(index, session, seq, low uint64) sessionVerdict {
		verdict, _ := batch.use(index, session, seq, low)
		return verdict
	}
	require.Equal(t, commandNew, use(3, 1, 1, 1))
	require.Equal(t, commandNew, use(4, 1, 2, 2))
	require.Equal(t, commandNew, use(5, 2, 1, 1))
	require.Equal(t, commandPending, use(6, 2, 1, 1))
	require.Equal(t, []uint64{1}, batch.open(7, 2))
	require.Panics(t, func() { batch.encode() }, "a result is missing")
	require.Panics(t, func() { batch.changes() })
	batch.record(1, 1, []byte("a")) // acknowledged meanwhile
	batch.record(1, 2, []byte("b")) // evicted meanwhile
	batch.record(2, 1, []byte("c"))
	batch.record(2, 1, []byte("again"))
	require.Equal(t, single.encode(), batch.encode())
}

func TestSessionCommandAllocatesNothing(t *testing.T) {
	table := newSessionTable()
	for index := uint64(1); index <= 100; index++ {
		table.open(index, 100)
	}
	index, seq, result := uint64(100), uint64(0), []byte("result")
	run := func() {
		seq++
		for session := uint64(1); session <= 100; session++ {
			index++
			table.use(index, session, seq, max(seq, 8)-7)
			table.record(session, seq, result)
		}
	}
	for range 100 {
		run()
	}
	require.Zero(t, testing.AllocsPerRun(200, run))
}

func BenchmarkSessionCommand(b *testing.B) {
	for _, sessions := range []uint64{1, 4096} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			table := newSessionTable()
			for index := uint64(1); index <= sessions; index++ {
				table.open(index, sessions)
			}
			result := []byte("result")
			b.ReportAllocs()
			for i := range uint64(b.N) {
				session, seq := 1+i%sessions, 1+i/sessions
				table.use(sessions+1+i, session, seq, seq)
				table.record(session, seq, result)
			}
		})
	}
}
