package server

// The figures of the layers below, as Prometheus collects them: the replica, the other members, the log, the store.

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/seed695671cb/raft/contrib/httptransport"
	"github.com/seed695671cb/raft/contrib/pebblelog"
	"github.com/seed695671cb/raft/replica"
)

// A collector reads figures when it is asked for them. Its sources may be nil.
type collector struct {
	api   *api
	peers func() []httptransport.PeerStatus
	log   func() pebblelog.Metrics
}

// Describe sends nothing: what there is depends on who leads.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := samples{out: out}
	status := c.api.member.Status()
	s.collectReplica(&status)
	s.collectProgress(&status)
	s.collectStore(c.api)
	if c.peers != nil {
		s.collectPeers(c.peers())
	}
	if c.log != nil {
		s.collectLog(c.log())
	}
}

// samples sends figures.
type samples struct{ out chan<- prometheus.Metric }

func (s samples) send(kind prometheus.ValueType, name, help string, value float64, labels ...string) {
	names, values := make([]string, 0, len(labels)/2), make([]string, 0, len(labels)/2)
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	s.out <- prometheus.MustNewConstMetric(prometheus.NewDesc("kvstore_"+name, help, names, nil), kind, value, values...)
}

func (s samples) gauge(name, help string, value uint64, labels ...string) {
	s.send(prometheus.GaugeValue, name, help, float64(value), labels...)
}

func (s samples) counter(name, help string, value uint64, labels ...string) {
	s.send(prometheus.CounterValue, name, help, float64(value), labels...)
}

func (s samples) collectReplica(status *replica.Status) {
	leads := number(status.Leader == status.ID && status.ID != 0)
	s.gauge("raft_is_leader", "1 if this member leads.", leads)
	s.gauge("raft_leader_id", "The leader's ID, 0 if none is known.", status.Leader)
	s.gauge("raft_term", "The current term.", status.Term)
	s.gauge("raft_commit_index", "The index up to which the log is committed.", status.Commit)
	s.gauge("raft_applied_index", "The index up to which the log is applied.", status.Applied)
	s.gauge("raft_first_index", "The first index in the log.", status.FirstIndex)
	s.gauge("raft_last_index", "The last index in the log.", status.LastIndex)
	s.gauge("raft_members", "How many members there are, learners included.", uint64(len(status.Members)))
	s.gauge("raft_sessions", "Client sessions that the group remembers.", uint64(status.Sessions))
	const waiting = "What waits in the member's queues."
	s.gauge("queue_length", waiting, uint64(status.Proposals), "queue", "proposals")
	s.gauge("queue_length", waiting, uint64(status.Reads), "queue", "reads")
	s.gauge("queue_length", waiting, uint64(status.Messages), "queue", "messages")
	s.counter("raft_dropped_messages_total", "Messages of other members for which there was no room.", status.Dropped)
}

func number(b bool) uint64 { return *boolNumber(&b) }

func (s samples) collectProgress(status *replica.Status) {
	for _, p := range status.Progress {
		id := strconv.FormatUint(p.ID, 10)
		s.gauge("raft_progress_match", "The index up to which a member has the leader's log; on the leader.", p.Match, "member", id)
		s.gauge("raft_progress_lag", "How many entries a member lacks; on the leader.",
			status.LastIndex-min(status.LastIndex, p.Match), "member", id)
		s.gauge("raft_progress_active", "1 if a member was heard of lately; on the leader.",
			number(p.Active), "member", id)
	}
}

func (s samples) collectStore(a *api) {
	stats := a.keys.Stats()
	s.gauge("store_revision", "The revision of the last change.", stats.Rev)
	s.gauge("store_keys", "How many keys there are.", stats.Keys)
	s.gauge("store_data_bytes", "The bytes of all keys and values.", stats.DataBytes)
	s.gauge("store_disk_bytes", "The size of the store's files.", stats.DiskBytes)
	s.gauge("store_history_events", "How many changes watches can still see.", stats.Events)
	s.gauge("store_history_bytes", "The bytes of those changes.", stats.EventBytes)
	s.gauge("store_idempotency_keys", "How many idempotency keys are remembered.", stats.Idempotency)
	s.gauge("streams", "Watches and event streams that are open.", uint64(max(a.streams.used.Load(), 0)))
	s.gauge("requests_at_work", "Requests that are being handled, streams apart.", uint64(max(a.waiting.used.Load(), 0)))
	s.gauge("request_body_bytes", "The bytes of their bodies.", uint64(max(a.bodies.used.Load(), 0)))
	s.gauge("answer_bytes", "The bytes of what was read for them.", uint64(max(a.answers.used.Load(), 0)))
}

func (s samples) collectPeers(peers []httptransport.PeerStatus) {
	for _, p := range peers {
		id := strconv.FormatUint(p.ID, 10)
		s.gauge("peer_connected", "1 if there is a stream to a member.", number(p.Connected), "member", id)
		s.gauge("peer_queue_bytes", "What waits to be sent to a member.", uint64(max(p.QueueBytes, 0)), "member", id)
		s.counter("peer_sent_messages_total", "Messages sent to a member.", p.SentMessages, "member", id)
		s.counter("peer_sent_bytes_total", "Bytes sent to a member.", p.SentBytes, "member", id)
		s.counter("peer_dropped_messages_total", "Messages to a member that were dropped.", p.DroppedMessages, "member", id)
		s.counter("peer_received_messages_total", "Messages received from a member.", p.ReceivedMessages, "member", id)
		s.counter("peer_received_bytes_total", "Bytes received from a member.", p.ReceivedBytes, "member", id)
		s.send(prometheus.GaugeValue, "peer_round_trip_seconds", "The last round trip to a member.", p.RTT.Seconds(), "member", id)
	}
}

func (s samples) collectLog(m pebblelog.Metrics) {
	s.counter("log_writes_total", "Batches written to the log.", m.Writes)
	s.counter("log_written_bytes_total", "Bytes written to the log.", m.WrittenBytes)
	s.counter("log_entries_total", "Entries appended to the log.", m.Entries)
	s.gauge("log_disk_bytes", "The size of the log's files.", m.DiskBytes)
	s.counter("log_damage_total", "How often the log's database met damaged data.", m.Damage)
	buckets := make(map[float64]uint64, len(m.SyncBuckets))
	var seen uint64
	for _, b := range m.SyncBuckets {
		seen += b.Count
		buckets[b.UpTo.Seconds()] = seen
	}
	desc := prometheus.NewDesc("kvstore_log_sync_duration_seconds", "How long writes waited for the disk.", nil, nil)
	s.out <- prometheus.MustNewConstHistogram(desc, max(seen, m.Syncs), m.SyncTime.Seconds(), buckets)
}
