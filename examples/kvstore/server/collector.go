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
	s.gauge("raft_is_leader", "1 if this member is the leader of the Raft group, otherwise 0.", leads)
	s.gauge("raft_leader_id", "The ID of the member that leads the Raft group, 0 if none is known.", status.Leader)
	s.gauge("raft_term", "The current Raft term of this member.", status.Term)
	s.gauge("raft_commit_index", "The index of the last Raft log entry that this member knows to be committed.", status.Commit)
	s.gauge("raft_applied_index", "The index of the last Raft log entry that this member has applied.", status.Applied)
	s.gauge("raft_first_index", "The index of the first entry in this member's Raft log.", status.FirstIndex)
	s.gauge("raft_last_index", "The index of the last entry in this member's Raft log.", status.LastIndex)
	s.gauge("raft_members", "The number of members of the Raft group, learners included.", uint64(len(status.Members)))
	s.gauge("raft_sessions", "The number of client sessions that the Raft group remembers.", uint64(status.Sessions))
	const waiting = "The number of elements that wait in a queue of this member, by queue."
	s.gauge("queue_length", waiting, uint64(status.Proposals), "queue", "proposals")
	s.gauge("queue_length", waiting, uint64(status.Reads), "queue", "reads")
	s.gauge("queue_length", waiting, uint64(status.Messages), "queue", "messages")
	s.counter("raft_dropped_messages_total", "Raft messages of other members that were dropped because this member's queue was full.", status.Dropped)
}

func number(b bool) uint64 { return *boolNumber(&b) }

func (s samples) collectProgress(status *replica.Status) {
	for _, p := range status.Progress {
		id := strconv.FormatUint(p.ID, 10)
		s.gauge("raft_progress_match", "The index up to which a member has the leader's Raft log, as the leader knows; present on the leader alone.", p.Match, "member", id)
		s.gauge("raft_progress_lag", "The number of Raft log entries that a member lacks, as the leader knows; present on the leader alone.",
			status.LastIndex-min(status.LastIndex, p.Match), "member", id)
		s.gauge("raft_progress_active", "1 if the leader has heard from a member lately, otherwise 0; present on the leader alone.",
			number(p.Active), "member", id)
	}
}

func (s samples) collectStore(a *api) {
	stats := a.keys.Stats()
	s.gauge("store_revision", "The revision of the last change of the key-value store.", stats.Rev)
	s.gauge("store_keys", "The number of keys in the key-value store.", stats.Keys)
	s.gauge("store_data_bytes", "The bytes of all keys and values in the key-value store, together.", stats.DataBytes)
	s.gauge("store_disk_bytes", "The bytes that the files of the key-value store take up on disk.", stats.DiskBytes)
	s.gauge("store_history_events", "The number of changes in the stored history, which watches can still see.", stats.Events)
	s.gauge("store_history_bytes", "The bytes of keys and values in the stored history of changes.", stats.EventBytes)
	s.gauge("store_idempotency_keys", "The number of idempotency keys whose results are remembered.", stats.Idempotency)
	s.gauge("streams", "The number of watches and event streams that clients have open on this member.", uint64(max(a.streams.used.Load(), 0)))
	s.gauge("requests_at_work", "The number of HTTP requests of clients that are being handled, streams not counted.", uint64(max(a.waiting.used.Load(), 0)))
	s.gauge("request_body_bytes", "The bytes that are set aside for the bodies of HTTP requests that are being handled.", uint64(max(a.bodies.used.Load(), 0)))
	s.gauge("answer_bytes", "The bytes of values that were read for HTTP answers that are being sent.", uint64(max(a.answers.used.Load(), 0)))
}

func (s samples) collectPeers(peers []httptransport.PeerStatus) {
	for _, p := range peers {
		id := strconv.FormatUint(p.ID, 10)
		s.gauge("peer_connected", "1 if this member has a stream of Raft messages to another, otherwise 0.", number(p.Connected), "member", id)
		s.gauge("peer_queue_bytes", "The bytes of Raft messages that wait to be sent to another member.", uint64(max(p.QueueBytes, 0)), "member", id)
		s.counter("peer_sent_messages_total", "Raft messages that were sent to another member.", p.SentMessages, "member", id)
		s.counter("peer_sent_bytes_total", "Bytes of Raft messages that were sent to another member.", p.SentBytes, "member", id)
		s.counter("peer_dropped_messages_total", "Raft messages to another member that were dropped before they were sent.", p.DroppedMessages, "member", id)
		s.counter("peer_received_messages_total", "Raft messages that were received from another member.", p.ReceivedMessages, "member", id)
		s.counter("peer_received_bytes_total", "Bytes of Raft messages that were received from another member.", p.ReceivedBytes, "member", id)
		s.send(prometheus.GaugeValue, "peer_round_trip_seconds", "The time that the last message to another member and the answer to it took, in seconds.", p.RTT.Seconds(), "member", id)
	}
}

func (s samples) collectLog(m pebblelog.Metrics) {
	s.counter("log_writes_total", "Batches that were written to the files of the Raft log.", m.Writes)
	s.counter("log_written_bytes_total", "Bytes that were written to the files of the Raft log.", m.WrittenBytes)
	s.counter("log_entries_total", "Entries that were appended to the Raft log.", m.Entries)
	s.gauge("log_disk_bytes", "The bytes that the files of the Raft log take up on disk.", m.DiskBytes)
	s.counter("log_damage_total", "How often the database of the Raft log has met damaged data.", m.Damage)
	buckets := make(map[float64]uint64, len(m.SyncBuckets))
	var seen uint64
	for _, b := range m.SyncBuckets {
		seen += b.Count
		buckets[b.UpTo.Seconds()] = seen
	}
	desc := prometheus.NewDesc("kvstore_log_sync_duration_seconds", "Seconds that writes to the Raft log waited until the disk had made them durable.", nil, nil)
	s.out <- prometheus.MustNewConstHistogram(desc, max(seen, m.Syncs), m.SyncTime.Seconds(), buckets)
}
