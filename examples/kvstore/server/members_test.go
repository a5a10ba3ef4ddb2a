package server

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/replica"
)

// until repeats a request while it is answered with a conflict or without a leader.
func (c *testCluster) until(id uint64, method, path, body string) *answer {
	c.t.Helper()
	var a *answer
	require.Eventually(c.t, func() bool {
		a = c.do(id, method, path, body)
		return a.status != http.StatusConflict && a.status != http.StatusServiceUnavailable
	}, patience, 50*time.Millisecond, "%s %s", method, path)
	return a
}

func (c *testCluster) memberList(id uint64) []memberBody {
	var body membersAnswer
	c.do(id, "GET", "/cluster/members", "").json(c.t, &body)
	return body.Members
}

// TestMembersComeAndGo adds a learner, promotes it, makes it lead, and removes members, always by way of a follower.
func TestMembersComeAndGo(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.put(1, "a", "1")
	listener := listen(t, "127.0.0.1:0")
	c.start(4, listener, true)
	require.Equal(t, http.StatusServiceUnavailable, c.do(4, "GET", "/readyz", "").status)

	added := c.do(c.followerOfThree(), "POST", "/cluster/members", fmt.Sprintf(`{"id":4,"url":%q,"learner":true}`, c.members[4].url))
	require.Equal(t, http.StatusOK, added.status, added.text())
	require.Contains(t, c.memberList(c.leader()), memberBody{ID: 4, URL: c.members[4].url, Learner: true})
	require.Eventually(t, func() bool { return c.do(4, "GET", "/kv/a", "").text() == "1" }, patience, 10*time.Millisecond)
	require.Equal(t, "learner", c.role(4))
	refused := c.do(c.followerOfThree(), "POST", "/cluster/leader", `{"id":4}`)
	require.Equal(t, http.StatusConflict, refused.status, refused.text())

	promoted := c.until(c.followerOfThree(), "POST", "/cluster/members/4/promote", "")
	require.Equal(t, http.StatusOK, promoted.status, promoted.text())
	again := c.do(c.followerOfThree(), "POST", "/cluster/members/4/promote", "")
	require.Equal(t, http.StatusConflict, again.status, again.text())

	moved := c.until(c.followerOfThree(), "POST", "/cluster/leader", `{"id":4}`)
	require.Equal(t, http.StatusOK, moved.status, moved.text())
	var leads leaderResult
	moved.json(t, &leads)
	require.EqualValues(t, 4, leads.Leader)
	require.NotZero(t, leads.Term)

	// Removing the leader, asked of a follower and of the leader itself.
	removed := c.until(1, "DELETE", "/cluster/members/4", "")
	require.Equal(t, http.StatusOK, removed.status, removed.text())
	c.stop(4)
	leader := c.leader()
	removed = c.until(leader, "DELETE", fmt.Sprintf("/cluster/members/%d", leader), "")
	require.Equal(t, http.StatusOK, removed.status, removed.text())
	c.stop(leader)
	rest := c.leader()
	require.Len(t, c.memberList(rest), 2)
	require.Equal(t, "1", c.do(rest, "GET", "/kv/a", "").text())
}

func (c *testCluster) followerOfThree() uint64 {
	leader := c.leader()
	return leader%3 + 1
}

func (c *testCluster) role(id uint64) string {
	var body clusterAnswer
	c.do(id, "GET", "/cluster", "").json(c.t, &body)
	return body.Role
}

func TestTransferToEachMember(t *testing.T) {
	c := newCluster(t, 3, nil)
	for id := range c.members {
		a := c.until(id%3+1, "POST", "/cluster/leader", fmt.Sprintf(`{"id":%d}`, id))
		require.Equal(t, http.StatusOK, a.status, a.text())
		require.Equal(t, id, c.leader())
	}
}

func TestClusterDescribesItself(t *testing.T) {
	c := newCluster(t, 3, func(o *Options) { o.Demo = "http://127.0.0.1:8400" })
	c.put(1, "a", "1")
	leader := c.leader()
	var body clusterAnswer
	require.Eventually(t, func() bool {
		body = clusterAnswer{}
		c.do(leader, "GET", "/cluster", "").json(t, &body)
		return !slices.ContainsFunc(body.Members, func(m memberStatus) bool { return m.State != "replicate" || *m.Lag != 0 })
	}, patience, 10*time.Millisecond)
	require.Equal(t, "leader", body.Role)
	require.Equal(t, c.members[leader].url, body.LeaderURL)
	require.Equal(t, "http://127.0.0.1:8400", *body.Demo)
	require.EqualValues(t, 1, body.Keys)
	require.EqualValues(t, 1, body.Rev)
	require.NotZero(t, body.Totals.Applied)

	body = clusterAnswer{}
	c.do(leader%3+1, "GET", "/cluster", "").json(t, &body)
	require.Equal(t, "follower", body.Role)
	require.Len(t, body.Members, 3)
	for _, m := range body.Members {
		require.Equal(t, m.ID == leader, m.Leader)
		if !m.Self {
			require.Equal(t, "unknown", m.State)
			require.Nil(t, m.Lag)
		}
	}
	require.Equal(t, leader, body.History[len(body.History)-1].Leader)
}

func TestPromotionNeedsACaughtUpLearner(t *testing.T) {
	status := replica.Status{
		ID: 1, Role: raft.StateLeader, LastIndex: 10_000,
		Members:  []replica.Member{{ID: 1}, {ID: 2, Learner: true}, {ID: 3, Learner: true}},
		Progress: []replica.Progress{{ID: 2, Match: 4999, State: "replicate", Active: true}},
	}
	require.ErrorContains(t, mayPromote(&status, 1), "no learner")
	require.ErrorContains(t, mayPromote(&status, 2), "5001 entries behind")
	require.ErrorContains(t, mayPromote(&status, 3), "not reached")
	require.ErrorContains(t, mayPromote(&status, 4), "no member 4")
	status.Progress[0].Match++
	require.NoError(t, mayPromote(&status, 2))
	status.Progress[0].Active = false
	require.ErrorContains(t, mayPromote(&status, 2), "not reached")
}

func TestTheLastVoterStays(t *testing.T) {
	c := newCluster(t, 1, nil)
	a := c.do(1, "DELETE", "/cluster/members/1", "")
	require.Equal(t, http.StatusConflict, a.status, a.text())
	require.Contains(t, a.text(), "last one that votes")
}

// TestForwardedRequestsAreNotForwarded sends a follower what another member would have passed to it.
func TestForwardedRequestsAreNotForwarded(t *testing.T) {
	c := newCluster(t, 3, nil)
	a := c.do(c.follower(), "POST", "/cluster/leader", `{"id":1}`, forwardedHeader, "9")
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.text())
	require.Equal(t, "no_leader", a.code())
}
