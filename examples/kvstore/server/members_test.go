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
func (c *testCluster) until(id uint64, method, path, body string, headers ...string) *answer {
	c.t.Helper()
	var a *answer
	require.Eventually(c.t, func() bool {
		a = c.do(id, method, path, body, headers...)
		return a.status != http.StatusConflict && a.status != http.StatusServiceUnavailable
	}, patience, 50*time.Millisecond, "%s %s", method, path)
	return a
}

// changeMembers repeats a change of the members, as until does. One whose answer leaves open what has become of it may have been made.
func (c *testCluster) changeMembers(id uint64, method, path, body string, made func(members []memberBody) bool) {
	c.t.Helper()
	doubt := false
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		a := c.do(id, method, path, body)
		if a.status == http.StatusOK || doubt && (a.status == http.StatusNotFound || made(c.memberList(id))) {
			return
		}
		require.Contains(c.t, []int{http.StatusConflict, http.StatusServiceUnavailable}, a.status, a.text())
		require.True(c.t, time.Now().Before(deadline), "%s %s: %s", method, path, a.text())
		doubt = doubt || a.code() == codeTimeout
	}
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

	learner := memberBody{ID: 4, URL: c.members[4].url, Learner: true}
	voter := memberBody{ID: 4, URL: c.members[4].url}
	lists := func(m memberBody) func([]memberBody) bool {
		return func(members []memberBody) bool { return slices.Contains(members, m) }
	}
	removed := func(id uint64) func([]memberBody) bool {
		return func(members []memberBody) bool {
			return !slices.ContainsFunc(members, func(m memberBody) bool { return m.ID == id })
		}
	}
	body := fmt.Sprintf(`{"id":4,"url":%q,"learner":true}`, learner.URL)
	c.changeMembers(c.followerOfThree(), "POST", "/cluster/members", body, lists(learner))
	require.Eventually(t, func() bool { return lists(learner)(c.memberList(c.leader())) }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { return c.do(4, "GET", "/kv/a", "").text() == "1" }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { return c.role(4) == "learner" }, patience, 10*time.Millisecond)
	refused := c.do(c.followerOfThree(), "POST", "/cluster/leader", `{"id":4}`)
	require.Equal(t, http.StatusConflict, refused.status, refused.text())

	c.changeMembers(c.followerOfThree(), "POST", "/cluster/members/4/promote", "", lists(voter))
	again := c.do(c.followerOfThree(), "POST", "/cluster/members/4/promote", "")
	require.Equal(t, http.StatusConflict, again.status, again.text())

	moved := c.until(c.followerOfThree(), "POST", "/cluster/leader", `{"id":4}`)
	require.Equal(t, http.StatusOK, moved.status, moved.text())
	var leads leaderResult
	moved.json(t, &leads)
	require.EqualValues(t, 4, leads.Leader)
	require.NotZero(t, leads.Term)

	// Removing the leader, asked of a follower and of the leader itself.
	c.changeMembers(1, "DELETE", "/cluster/members/4", "", removed(4))
	c.stop(4)
	leader := c.leader()
	c.changeMembers(leader, "DELETE", fmt.Sprintf("/cluster/members/%d", leader), "", removed(leader))
	c.stop(leader)
	require.Eventually(t, func() bool { return len(c.memberList(c.leader())) == 2 }, patience, 10*time.Millisecond)
	require.Equal(t, "1", c.do(c.leader(), "GET", "/kv/a", "").text())
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
		c.transfer(id)
	}
}

// transfer has a member lead. On a busy machine another one may take over at any time, and it is asked for again.
func (c *testCluster) transfer(id uint64, headers ...string) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		a := c.until(id%3+1, "POST", "/cluster/leader", fmt.Sprintf(`{"id":%d}`, id), headers...)
		require.Equal(c.t, http.StatusOK, a.status, a.text())
		if c.leader() == id {
			return
		}
		require.True(c.t, time.Now().Before(deadline), "member %d never leads", id)
	}
}

func TestClusterDescribesItself(t *testing.T) {
	c := newCluster(t, 3, func(o *Options) { o.Demo = "http://127.0.0.1:8400" })
	c.put(1, "a", "1")
	var leader uint64
	var body clusterAnswer
	require.Eventually(t, func() bool {
		leader, body = c.leader(), clusterAnswer{}
		c.do(leader, "GET", "/cluster", "").json(t, &body)
		return !slices.ContainsFunc(body.Members, func(m memberStatus) bool { return m.State != "replicate" || *m.Lag != 0 })
	}, patience, 10*time.Millisecond)
	require.Equal(t, "leader", body.Role)
	require.Equal(t, c.members[leader].url, body.LeaderURL)
	require.Equal(t, "http://127.0.0.1:8400", *body.Demo)
	require.EqualValues(t, 1, body.Keys)
	require.EqualValues(t, 1, body.Rev)
	require.NotZero(t, body.Totals.Applied)

	require.Eventually(t, func() bool { // the history comes to it a moment later, and somebody else may lead by now
		leader, body = c.leader(), clusterAnswer{}
		c.do(leader%3+1, "GET", "/cluster", "").json(t, &body)
		return body.Role == "follower" && body.Leader == leader && len(body.History) > 0 && body.History[len(body.History)-1].Leader == leader
	}, patience, 10*time.Millisecond)
	require.Len(t, body.Members, 3)
	for _, m := range body.Members {
		require.Equal(t, m.ID == leader, m.Leader)
		if !m.Self {
			require.Equal(t, "unknown", m.State)
			require.Nil(t, m.Lag)
		}
	}
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
	var a *answer
	require.Eventually(t, func() bool {
		follower := c.follower()
		a = c.do(follower, "POST", "/cluster/leader", fmt.Sprintf(`{"id":%d}`, follower), forwardedHeader, "9")
		return c.leader() != follower // otherwise it may have led when it was asked
	}, patience, 10*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.text())
	require.Equal(t, "no_leader", a.code())
}
