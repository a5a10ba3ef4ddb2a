package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
)

// A client that forgets again and again what it has sent, while leaders crash, still gets every change made once.
func TestClientSendsAgainWithoutHarm(t *testing.T) {
	cluster, err := newCluster(3, raft.DiscardLogger{})
	require.NoError(t, err)
	defer cluster.close()
	c := newClient(cluster, 20*time.Second)
	defer c.clock.Stop()

	rnd := rand.New(rand.NewPCG(3, 3))
	once := newStore()
	const n = 3000
	for i := 1; i <= n; i++ {
		cmd := command{name: "put", key: fmt.Sprintf("k%d", rnd.IntN(10)), value: fmt.Sprint(i)}
		if rnd.IntN(3) == 0 {
			cmd = command{name: "del", key: cmd.key}
		}
		require.NoError(t, once.apply(encodeChange(uint64(i), cmd)))
		number, err := c.submit(cmd)
		require.NoError(t, err)
		require.EqualValues(t, i, number)
		if i%20 == 0 {
			c.sent = rnd.IntN(c.sent + 1)
		}
		if i%500 == 0 {
			leader, _ := cluster.leader()
			if leader != nil {
				require.NoError(t, cluster.crash(leader.id))
				require.NoError(t, cluster.restart(leader.id))
			}
		}
		if i%97 == 0 {
			require.NoError(t, c.await(func() bool { return len(c.unfinished) < 20 }))
		}
	}
	require.NoError(t, c.drain())
	require.NoError(t, c.await(func() bool { return cluster.caughtUp(n, 0) }))

	again := 0
	for id, r := range cluster.replicas {
		r.crash() // so that nobody writes to the store any more
		require.Equal(t, contents(t, once), contents(t, r.store), "replica %d", id)
		// The order of the pairs tells more than the pairs: it is another one if a del was made twice.
		require.Equal(t, once.digest(), r.store.digest(), "replica %d", id)
		again = max(again, int(r.applied)-n)
	}
	require.Greater(t, again, n/10, "many changes were in the log more than once, or this test tests nothing")
	t.Logf("%d entries more than changes", again)
}

// Nothing is in flight beyond the bounds, and nothing of what is finished is kept.
func TestClientBoundsWhatIsInFlight(t *testing.T) {
	cluster, err := newCluster(1, raft.DiscardLogger{})
	require.NoError(t, err)
	defer cluster.close()
	c := newClient(cluster, 20*time.Second)
	defer c.clock.Stop()

	big := command{name: "put", key: "k", value: string(make([]byte, maxBytes/4))}
	for !c.full() {
		_, err := c.submit(big)
		require.NoError(t, err)
	}
	require.Len(t, c.unfinished, 4)
	require.NoError(t, c.drain())
	require.Zero(t, c.bytes)
	for !c.full() {
		_, err := c.submit(command{name: "del", key: "k"})
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(c.unfinished), maxChanges)
	require.NoError(t, c.drain())
	require.Zero(t, c.sent)
	require.Zero(t, c.bytes)
}

// A leader that is cut off does not answer a read with what it still holds: its successor may have changed that.
func TestReadFromALeaderThatWasCutOffIsLost(t *testing.T) {
	cluster, err := newCluster(3, raft.DiscardLogger{})
	require.NoError(t, err)
	defer cluster.close()
	c := newClient(cluster, 20*time.Second)
	defer c.clock.Stop()

	put := func(value string) {
		_, err := c.submit(command{name: "put", key: "k", value: value})
		require.NoError(t, err)
		require.NoError(t, c.drain())
	}
	ask := func(r *replica) <-chan answer {
		return r.read(func() string { return describe(r, "k") })
	}
	// On a busy machine a read may be lost, because leaders change by themselves.
	text := func(r *replica) string {
		var got answer
		require.Eventually(t, func() bool {
			got = <-ask(r)
			return got.err == nil
		}, time.Minute, tick)
		return got.text
	}
	put("old")
	deposed, lost := cluster.replicas[1], make(<-chan answer)
	for leads := false; !leads; { // again, if it did not lead any more when it was cut off
		cluster.heal()
		require.NoError(t, c.transfer(1))
		require.Equal(t, "k = old", text(deposed))
		require.NoError(t, cluster.partition(1))
		lost = ask(deposed)
		leads = deposed.node.Status().RaftState == raft.StateLeader
	}
	put("new")
	require.NotSame(t, deposed, c.leader)
	require.Equal(t, answer{err: raft.ErrLeadershipLost}, <-lost)

	follower := cluster.replicas[2]
	if follower == c.leader {
		follower = cluster.replicas[3]
	}
	require.Equal(t, "k = new", text(follower), "a follower asks the leader")
	require.NoError(t, cluster.crash(1))
	require.Equal(t, answer{err: errDown}, <-ask(deposed))
}
