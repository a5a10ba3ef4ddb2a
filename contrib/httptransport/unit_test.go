package httptransport

import (
	"crypto/tls"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed695671cb/raft/replica"
	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

func TestOptionsAreChecked(t *testing.T) {
	for _, test := range []struct {
		want  string
		spoil func(*Options)
	}{
		{"Options.ID", func(o *Options) { o.ID = 0 }},
		{"Options.ClusterID", func(o *Options) { o.ClusterID = "" }},
		{"Options.ClusterID", func(o *Options) { o.ClusterID = "a/b" }},
		{"Options.ClusterID", func(o *Options) { o.ClusterID = strings.Repeat("a", 65) }},
		{"Options.MaxFrameBytes", func(o *Options) { o.MaxFrameBytes = 1000 }},
		{"Options.MaxFrameBytes", func(o *Options) { o.MaxFrameBytes = 2 << 30 }},
		{"Options.MaxQueueBytes", func(o *Options) { o.MaxQueueBytes = 1 << 20 }},
		{"Options.MaxStreams", func(o *Options) { o.MaxStreams = -1 }},
		{"MaxSnapshots", func(o *Options) { o.MaxSnapshots = -1 }},
		{"Options.MaxSnapshotChunk", func(o *Options) { o.MaxSnapshotChunk = 1 << 30 }},
		{"Options.MaxSnapshotBytesPerSecond", func(o *Options) { o.MaxSnapshotBytesPerSecond = -1 }},
		{"Options.BackoffMin", func(o *Options) { o.BackoffMin, o.BackoffMax = 2, 1 }},
		{"Options.StreamIdle", func(o *Options) { o.StreamIdle = o.Keepalive }},
	} {
		o := quickOptions(1)
		test.spoil(&o)
		_, err := New(o)
		require.ErrorContains(t, err, test.want)
	}
	transport, err := New(Options{ID: 1, ClusterID: "a-Z_0.9"})
	require.NoError(t, err)
	require.NoError(t, transport.Start(&recorder{}))
	require.ErrorContains(t, transport.Start(&recorder{}), "started twice")
	require.NoError(t, transport.Close())
}

// Every message survives the way, whatever is in it.
func TestRecordsAreExact(t *testing.T) {
	messages := []replica.Message{
		heartbeat(1, 2, 0), heartbeat(1, 2, 1), heartbeat(1, 2, 2), heartbeat(1, 2, 900), heartbeat(1, 2, math.MaxUint64), heartbeat(1, 2, 0),
		{Group: 5, Message: pb.Message{Type: pb.MsgHeartbeatResp, From: 1, To: 2, Term: 3}},
		{Group: 6, Message: pb.Message{Type: pb.MsgHeartbeatResp, From: 1, To: 2, Term: 4, Context: []byte("round 17")}},
		{Group: 7, Message: pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Context: []byte{}}},
		{Group: 8, Message: pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 3, Vote: 1}}, // not compact
		{Group: 8, Message: pb.Message{Type: pb.MsgHeartbeatResp, From: 1, To: 2, Reject: true}},
		{Group: 9, Message: pb.Message{Type: pb.MsgVote, From: 1, To: 2, Term: 9, Index: 8, LogTerm: 7}},
		{Group: 9, Message: pb.Message{Type: pb.MsgReadIndex, From: 3, To: 2, Entries: []pb.Entry{{Data: []byte("x")}}}},
		appendOf(1, 2, 9, 1, 100_000), appendOf(1, 2, 9, 2, 10),
	}
	before := beforeFirst()
	var body []byte
	for i := range messages {
		m := &messages[i]
		compact := isCompact(&m.Message, 1, 2)
		require.Equal(t, m.Group < 8 || m.Group > 9, compact)
		size := maxRecordBytes(&m.Message, compact)
		was := len(body)
		if compact {
			body = appendHeartbeat(body, &before, m)
		} else {
			var err error
			body, err = appendMessage(reserve(body, size), m)
			require.NoError(t, err)
		}
		require.LessOrEqual(t, len(body)-was, size)
	}
	var got []replica.Message
	d := decoder{from: 1, to: 2, refuse: func(err error) { t.Error(err) }, deliver: func(batch []replica.Message) { got = append(got, batch...) }}
	kept, err := d.decode(body)
	require.NoError(t, err)
	require.True(t, kept)
	require.Equal(t, messages, got)
}

func TestBytesOfAHeartbeat(t *testing.T) {
	size := func(ms ...replica.Message) int {
		before := beforeFirst()
		var b []byte
		for i := range ms {
			b = appendHeartbeat(b, &before, &ms[i])
		}
		return len(b)
	}
	one := heartbeat(1, 2, 1000)
	next := heartbeat(1, 2, 1001)
	require.Equal(t, 5, size(one), "tag, two bytes of group, term, commit")
	require.Equal(t, 2, size(one, next)-size(one), "tag, commit")
	next.Commit = 1 << 20
	next.Context = make([]byte, 8)
	require.Equal(t, 13, size(one, next)-size(one))
	next.Commit, next.Context = 0, nil
	require.Equal(t, 1, size(one, next)-size(one))
	require.Greater(t, next.Size(), 15, "as a raftpb.Message, and without its group")
}

func TestAMessageKeepsNoFrameThatIsFarLarger(t *testing.T) {
	small, large := record(1, appendOf(1, 2, 1, 1, 100).Message), record(1, appendOf(1, 2, 1, 1, 80<<10).Message)
	var got []replica.Message
	d := decoder{from: 1, to: 2, refuse: func(err error) { t.Error(err) }, deliver: func(batch []replica.Message) { got = append(got, batch...) }}
	var many []byte
	for len(many) < 2*aliasAlways {
		many = append(many, small...)
	}
	kept, err := d.decode(many)
	require.NoError(t, err)
	require.False(t, kept)
	clear(many)
	require.Equal(t, byte(1), got[0].Entries[0].Data[0], "it has a copy")
	kept, err = d.decode(large)
	require.NoError(t, err)
	require.True(t, kept)
}

func TestBackoffGrowsAndIsReset(t *testing.T) {
	b := newBackoff(&Options{ID: 1, BackoffMin: 10, BackoffMax: 80}, 2)
	for _, most := range []time.Duration{10, 20, 40, 80, 80, 80} {
		d := b.delay()
		require.LessOrEqual(t, d, most)
		require.GreaterOrEqual(t, d, most/2)
	}
	b.reset()
	require.LessOrEqual(t, b.delay(), time.Duration(10))
}

func TestQuietAdmitsOnceInAWhile(t *testing.T) {
	var q quiet
	now := time.Now()
	require.True(t, q.admits("a", now))
	require.False(t, q.admits("a", now.Add(quietFor-1)))
	require.True(t, q.admits("b", now))
	require.True(t, q.admits("a", now.Add(quietFor)))
	for i := range 2 * quietKeys {
		q.admits(strings.Repeat("x", i), now)
	}
	require.LessOrEqual(t, len(q.logged), quietKeys)
	require.False(t, q.admits("one more", now))
	require.True(t, q.admits("one more", now.Add(2*quietFor)))
}

func TestConfigureServer(t *testing.T) {
	var logs logBuffer
	logger := slog.New(slog.NewTextHandler(&logs, nil))
	plain := &http.Server{}
	ConfigureServer(plain, logger)
	require.True(t, plain.Protocols.UnencryptedHTTP2() && plain.Protocols.HTTP1())
	plain.ErrorLog.Print("http: TLS handshake error from 127.0.0.1:1234: bad")
	plain.ErrorLog.Print("http: TLS handshake error from 127.0.0.1:5678: bad")
	plain.ErrorLog.Print("http: TLS handshake error from 127.0.0.2:5678: bad")
	require.Equal(t, 2, logs.count("handshake error"), "once for each address:\n%s", &logs)
	secure := &http.Server{TLSConfig: &tls.Config{}, MaxHeaderBytes: 7}
	ConfigureServer(secure, logger)
	require.False(t, secure.Protocols.UnencryptedHTTP2())
	require.True(t, secure.Protocols.HTTP2())
	require.Equal(t, 7, secure.MaxHeaderBytes)
}

func TestSendDoesNotAllocateMuch(t *testing.T) {
	o := quickOptions(1).withDefaults()
	q := newQueue(1, 2, &o, func() {})
	q.online = true
	var tick []replica.Message
	for g := range uint64(1000) {
		tick = append(tick, heartbeat(1, 2, g))
	}
	m := []replica.Message{appendOf(1, 2, 1, 1, 1000)}
	per := testing.AllocsPerRun(100, func() {
		_, _ = q.add(tick), q.add(m)
		q.mu.Lock()
		for f := q.take(); f != nil; f = q.take() {
			sealFrame(f.data, kindMessages)
			q.done(f)
		}
		q.mu.Unlock()
	})
	require.LessOrEqual(t, per, 1.0)
}

// A stream that ends within a frame has lost it, and its room in the queue is free again.
func TestFrameThatIsCutIsLost(t *testing.T) {
	o := quickOptions(1).withDefaults()
	losses := 0
	q := newQueue(1, 2, &o, func() { losses++ })
	s := &outStream{queue: q}
	s.open(time.Now())
	require.NoError(t, q.add([]replica.Message{appendOf(1, 2, 1, 1, 1000), appendOf(1, 2, 1, 2, 1000)}))
	ping := make([]byte, 100)
	n, err := s.Read(ping)
	require.NoError(t, err)
	require.Equal(t, frameHeaderBytes+pingBytes, n)
	n, err = s.Read(ping)
	require.NoError(t, err)
	require.Equal(t, 100, n)
	var status PeerStatus
	q.describe(&status)
	require.Greater(t, status.QueueBytes, 2000, "what is being written still takes its room")
	require.NoError(t, s.Close())
	_, err = s.Read(ping)
	require.ErrorIs(t, err, io.EOF)
	q.describe(&status)
	require.Zero(t, status.QueueBytes)
	require.Zero(t, status.SentMessages)
	require.EqualValues(t, 2, status.DroppedMessages)
	require.Equal(t, 1, losses)
}

// deadlines is a ResponseWriter that notes until when it is to read.
type deadlines struct {
	answer
	read []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = append(d.read, at)
	return nil
}

// A large frame may take long; what follows it may not.
func TestTimeForALargeFrameDoesNotLast(t *testing.T) {
	o := quickOptions(2)
	o.StreamIdle = time.Hour
	transport, err := New(o)
	require.NoError(t, err)
	w := &deadlines{}
	s := &inStream{visit: visit{control: http.NewResponseController(w)}, transport: transport}
	now := time.Now()
	for _, length := range []int{0, 100, 0, 1 << 30, 0} {
		require.NoError(t, s.expect(length))
	}
	require.Len(t, w.read, 3, "the server is not told of each frame")
	require.WithinRange(t, w.read[0], now.Add(time.Hour), now.Add(2*time.Hour))
	require.Greater(t, w.read[1].Sub(now), 5*time.Hour)
	require.WithinRange(t, w.read[2], now.Add(time.Hour), now.Add(2*time.Hour))
}
