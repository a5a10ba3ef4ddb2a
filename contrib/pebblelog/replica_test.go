package pebblelog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// A blank is a state machine without a state.
type blank struct{}

func (blank) Apply(commands []replica.Command) ([][]byte, error) {
	return make([][]byte, len(commands)), nil
}
func (blank) Capture() (replica.View, error) { return nil, errors.New("there is nothing to capture") }
func (blank) Restore(io.Reader) error        { return errors.New("there is nothing to restore") }

// run runs the only member of a group on the store.
func run(s *Store) (*replica.Replica, error) {
	return replica.Run(
		replica.HostConfig{ID: 1, Store: s, Transport: replica.NewMemoryNetwork().Transport(1), Tick: 10 * time.Millisecond, Logger: quiet()},
		replica.Config{Group: damaged, StateMachine: blank{}, Peers: []replica.Member{{ID: 1}}})
}

// TestAReplicaStopsForDamage damages entries one by one: a replica that comes across one does not go on without it, and
// says what is wrong.
func TestAReplicaStopsForDamage(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pristine := vfs.NewCrashableMem()
	s := mustOpen(t, "db", testOptions(pristine))
	r, err := run(s)
	require.NoError(t, err)
	for i := range 20 {
		_, err := r.Propose(ctx, []byte(fmt.Sprint("command ", i)))
		require.NoError(t, err)
	}
	require.NoError(t, r.Stop(ctx))
	require.NoError(t, s.Close())

	keys, _ := pairs(t, pristine)
	tried := 0
	for i, key := range keys {
		_, kind, _, _, err := splitKey(key)
		require.NoError(t, err)
		if kind != kindEntry || i%5 != 0 {
			continue
		}
		tried++
		fs := copyOf(pristine)
		withRaw(t, fs, func(db *pebble.DB) { require.NoError(t, db.Set(key, []byte("something else"), pebble.Sync)) })
		s := mustOpen(t, "db", testOptions(fs))
		r, err := run(s)
		if err == nil {
			require.Eventually(t, func() bool { return r.Err() != nil }, time.Minute, time.Millisecond)
			err = r.Stop(ctx)
		}
		var damage *DamageError
		require.ErrorAs(t, err, &damage)
		require.Equal(t, uint64(damaged), damage.Group)
		require.NoError(t, s.Close())
	}
	require.Greater(t, tried, 2)
}
