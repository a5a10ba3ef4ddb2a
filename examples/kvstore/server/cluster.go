package server

// What this member knows of itself and of the cluster: GET /cluster, the body of the status events too.

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed695671cb/raft/replica"
)

type clusterAnswer struct {
	ID        uint64    `json:"id"`
	Name      string    `json:"name"`
	Cluster   string    `json:"cluster"`
	URL       string    `json:"url"`
	Version   string    `json:"version"`
	Uptime    float64   `json:"uptime"`
	Time      time.Time `json:"time"`
	Role      string    `json:"role"`
	Term      uint64    `json:"term"`
	Leader    uint64    `json:"leader"`
	LeaderURL string    `json:"leader_url"`
	Commit    uint64    `json:"commit"`
	Applied   uint64    `json:"applied"`
	First     uint64    `json:"first"`
	Last      uint64    `json:"last"`
	Rev       uint64    `json:"rev"`
	Keys      uint64    `json:"keys"`
	DBBytes   uint64    `json:"db_bytes"`
	LogBytes  uint64    `json:"log_bytes"`

	Members   []memberStatus            `json:"members"`
	Receiving *receivingStatus          `json:"receiving"`
	History   []leaderChange            `json:"history"`
	Totals    totalsStatus              `json:"totals"`
	LatencyMS map[string]latencyFigures `json:"latency_ms"`
	Queues    queueStatus               `json:"queues"`
	Demo      *string                   `json:"demo"`
}

type memberStatus struct {
	memberBody
	Self          bool    `json:"self"`
	Leader        bool    `json:"leader"`
	State         string  `json:"state"`
	Active        bool    `json:"active"`
	Match         *uint64 `json:"match"`
	Lag           *uint64 `json:"lag"`
	Inflight      *int    `json:"inflight"`
	SnapshotBytes uint64  `json:"snapshot_bytes"`
}

type receivingStatus struct {
	From  uint64 `json:"from"`
	Index uint64 `json:"index"`
	Bytes uint64 `json:"bytes"`
}

type totalsStatus struct {
	Puts     uint64 `json:"puts"`
	Gets     uint64 `json:"gets"`
	Deletes  uint64 `json:"deletes"`
	Txns     uint64 `json:"txns"`
	Lists    uint64 `json:"lists"`
	Watches  uint64 `json:"watches"`
	Errors   uint64 `json:"errors"`
	Applied  uint64 `json:"applied"`
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

type queueStatus struct {
	Proposals int    `json:"proposals"`
	Reads     int    `json:"reads"`
	Messages  int    `json:"messages"`
	Dropped   uint64 `json:"dropped"`
}

func (a *api) handleCluster(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.describe())
}

// describe returns what this member knows.
func (a *api) describe() *clusterAnswer {
	now := time.Now()
	status := a.member.Status()
	stats := a.keys.Stats()
	answer := &clusterAnswer{
		ID: a.options.ID, Name: strconv.FormatUint(a.options.ID, 10), Cluster: a.options.Cluster, URL: a.options.URL,
		Version: a.options.Version, Uptime: now.Sub(a.started).Seconds(), Time: now.UTC(),
		Role: roleName(&status), Term: status.Term, Leader: status.Leader,
		Commit: status.Commit, Applied: status.Applied, First: status.FirstIndex, Last: status.LastIndex,
		Rev: stats.Rev, Keys: stats.Keys, DBBytes: stats.DiskBytes, LogBytes: a.logBytes(),
		Members: describeProgress(&status), History: a.hub.leaders(), Totals: a.describeTotals(stats.Applied),
		LatencyMS: a.describeLatency(now),
		Queues:    queueStatus{Proposals: status.Proposals, Reads: status.Reads, Messages: status.Messages, Dropped: status.Dropped},
	}
	if leader, ok := findMember(status.Members, status.Leader); ok {
		answer.LeaderURL = leader.Address
	}
	if s := status.Receiving; s != nil {
		answer.Receiving = &receivingStatus{From: s.From, Index: s.Index, Bytes: s.Received}
	}
	if a.options.Demo != "" {
		answer.Demo = &a.options.Demo
	}
	return answer
}

// roleName is leader, follower, candidate or learner. Asking for votes in advance is being a candidate; a member that was
// removed, or not yet added, is a learner at best, and is called removed.
func roleName(status *replica.Status) string {
	member, ok := findMember(status.Members, status.ID)
	role := strings.ToLower(strings.TrimPrefix(status.Role.String(), "State"))
	switch {
	case !ok:
		return "removed"
	case role == "precandidate":
		return "candidate"
	case role == "follower" && member.Learner:
		return "learner"
	default:
		return role
	}
}

func describeProgress(status *replica.Status) []memberStatus {
	members := make([]memberStatus, len(status.Members))
	leads := status.Leader == status.ID
	for i, m := range status.Members {
		s := &members[i]
		s.memberBody = memberBody{ID: m.ID, URL: m.Address, Learner: m.Learner}
		s.Self, s.Leader = m.ID == status.ID, m.ID == status.Leader
		s.State = "unknown"
		if s.Self {
			match, lag, inflight := status.LastIndex, uint64(0), 0
			s.State, s.Active, s.Match, s.Lag, s.Inflight = "replicate", true, &match, &lag, &inflight
			continue
		}
		at := slices.IndexFunc(status.Progress, func(p replica.Progress) bool { return p.ID == m.ID })
		if !leads || at < 0 {
			continue
		}
		p := status.Progress[at]
		lag := status.LastIndex - min(status.LastIndex, p.Match)
		s.State, s.Active, s.Match, s.Lag, s.Inflight, s.SnapshotBytes = p.State, p.Active, &p.Match, &lag, &p.Inflight, p.Sent
	}
	return members
}

func (a *api) describeTotals(applied uint64) totalsStatus {
	done := func(o operation) uint64 { return a.totals.done[o].Load() }
	return totalsStatus{
		Puts: done(opPut), Gets: done(opGet), Deletes: done(opDelete), Txns: done(opTxn), Lists: done(opList), Watches: done(opWatch),
		Errors: a.totals.errors.Load(), Applied: applied - min(applied, a.appliedAtStart),
		BytesIn: a.totals.bytesIn.Load(), BytesOut: a.totals.bytesOut.Load(),
	}
}

func (a *api) describeLatency(now time.Time) map[string]latencyFigures {
	figures := map[string]latencyFigures{}
	for _, op := range [...]operation{opPut, opGet, opDelete, opTxn, opList} {
		figures[op.String()] = a.latency[op].figures(now)
	}
	return figures
}
