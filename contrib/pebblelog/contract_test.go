package pebblelog

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
	"github.com/seed695671cb/raft/replica/logstoretest"
)

// TestContract runs the checks that every replica.LogStore has to pass. After a crash half of what was not synced is there.
func TestContract(t *testing.T) {
	disks := map[replica.LogStore]*vfs.MemFS{}
	open := func(t testing.TB, mem *vfs.MemFS) replica.LogStore {
		s := mustOpen(t, "db", testOptions(mem))
		t.Cleanup(func() { _ = s.Close() }) // it may be closed already
		disks[s] = mem
		return s
	}
	rng := rand.New(rand.NewPCG(5, 5))
	logstoretest.Run(t, logstoretest.Subject{
		Open: func(t testing.TB) replica.LogStore { return open(t, vfs.NewCrashableMem()) },
		Reopen: func(t testing.TB, s replica.LogStore) replica.LogStore {
			require.NoError(t, s.(*Store).Close())
			return open(t, disks[s])
		},
		Crash: func(t testing.TB, s replica.LogStore) replica.LogStore {
			return open(t, disks[s].CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}))
		},
	})
}
