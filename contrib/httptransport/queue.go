package httptransport

import (
	"fmt"
	"sync"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/replica"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What waits for a peer, already encoded, in frames. Messages that are added while a frame is being written are the next
// frame: batches grow with the load, and an idle peer is written to at once.
//
// There are two lanes: heartbeats and votes go before what else waits. They may overtake appends, which Raft allows for, so
// that a follower that receives slowly does not take its leader for dead.

const (
	// frameTarget is the size at which a frame is complete, and so about how long heartbeats wait for the rest.
	frameTarget = 1 << 20
	// offlineBytes is how much is kept, of the newest, for a peer that is not connected, in frames of offlineTarget.
	offlineBytes  = 1 << 20
	offlineTarget = offlineBytes / 16
	// urgentBytes bounds the lane of heartbeats.
	urgentBytes = 4 << 20
	// spareFrames is how many buffers are kept to be used again.
	spareFrames = 2
)

// A frame is one that is being filled, or waits.
type frame struct {
	data     []byte
	messages int
	before   heartbeatBefore
	lane     *lane
}

// A lane is frames of messages that go one after the other, oldest first.
//
// Invariant: bytes == the sum of the lengths of the frames' data.
type lane struct {
	frames []*frame
	bytes  int
	max    int
	// inFlight is the size of the frame that is being written, if it is of this lane.
	inFlight int
}

// A queue holds what waits for one peer. add, isEmpty and describe may be called from any goroutine, the others with the lock
// held.
type queue struct {
	from, to uint64
	maxFrame int

	mu     sync.Mutex
	wake   sync.Cond // broadcast when there may be something to do for a stream
	urgent lane
	bulk   lane
	spare  []*frame
	// online is set while a stream takes frames.
	online bool
	sent   struct{ messages, bytes, frames uint64 }
	// dropped counts messages.
	dropped uint64
	// lost is called, with the lock held, when messages were dropped although they had been accepted, or for want of room.
	lost func()
}

func newQueue(from, to uint64, o *Options, lost func()) *queue {
	q := &queue{from: from, to: to, maxFrame: o.MaxFrameBytes, lost: lost}
	q.wake.L = &q.mu
	q.urgent.max = min(urgentBytes, o.MaxQueueBytes)
	q.bulk.max = o.MaxQueueBytes
	return q
}

// add encodes messages. What does not fit is dropped, and the error says so.
func (q *queue) add(batch []replica.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	dropped, first := 0, error(nil)
	for i := range batch {
		err := q.addOne(&batch[i])
		if err == nil {
			continue
		}
		dropped++
		if first == nil {
			first = err
		}
	}
	q.trim()
	q.wake.Broadcast()
	if dropped == 0 {
		return nil
	}
	q.dropped += uint64(dropped)
	q.lost()
	return fmt.Errorf("httptransport: %d of %d messages to host %d were dropped: %w", dropped, len(batch), q.to, first)
}

func (q *queue) addOne(m *replica.Message) error {
	if m.To != q.to || raft.IsLocalMsg(m.Type) {
		return ErrNotForPeers
	}
	compact := isCompact(&m.Message, q.from, q.to)
	size := maxRecordBytes(&m.Message, compact)
	if size > q.maxFrame {
		return ErrTooLarge
	}
	l := &q.bulk
	if isUrgent(m.Type) {
		l = &q.urgent
	}
	if l.bytes+l.inFlight+size > l.max {
		return ErrQueueFull
	}
	f := q.open(l, size)
	was := len(f.data)
	if compact {
		f.data = appendHeartbeat(f.data, &f.before, m)
	} else {
		f.data = reserve(f.data, size)
		data, err := appendMessage(f.data, m)
		if err != nil {
			return err
		}
		f.data = data
	}
	f.messages++
	l.bytes += len(f.data) - was
	return nil
}

// isUrgent reports whether messages of the type go before others.
func isUrgent(t pb.MessageType) bool {
	switch t {
	case pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgPreVote, pb.MsgPreVoteResp:
		return true
	default:
		return false
	}
}

// reserve returns b with room for n bytes more.
func reserve(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	grown := make([]byte, len(b), max(len(b)+n, 2*cap(b)))
	copy(grown, b)
	return grown
}

// open returns the frame of a lane that has room for size bytes more.
func (q *queue) open(l *lane, size int) *frame {
	target := min(frameTarget, q.maxFrame)
	if !q.online {
		target = offlineTarget
	}
	if n := len(l.frames); n > 0 {
		if f := l.frames[n-1]; len(f.data)-frameHeaderBytes+size <= target {
			return f
		}
	}
	f := q.unused()
	f.data = startFrame(f.data)
	f.before = beforeFirst()
	f.lane = l
	l.bytes += frameHeaderBytes
	l.frames = append(l.frames, f)
	return f
}

func (q *queue) unused() *frame {
	if n := len(q.spare); n > 0 {
		f := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return f
	}
	return &frame{}
}

// take returns the next frame to be written, nil if nothing waits. It counts as in flight until done is called.
func (q *queue) take() *frame {
	l := &q.urgent
	if len(l.frames) == 0 {
		l = &q.bulk
	}
	if len(l.frames) == 0 {
		return nil
	}
	f := l.pop()
	l.inFlight = len(f.data)
	return f
}

func (l *lane) pop() *frame {
	f := l.frames[0]
	n := copy(l.frames, l.frames[1:])
	l.frames[n] = nil
	l.frames = l.frames[:n]
	l.bytes -= len(f.data)
	return f
}

// done says that a frame that was taken was written as a whole.
func (q *queue) done(f *frame) {
	q.sent.messages += uint64(f.messages)
	q.sent.bytes += uint64(len(f.data))
	q.sent.frames++
	f.lane.inFlight = 0
	q.recycle(f)
}

// abandon says that a frame that was taken was not written as a whole. Its receiver has none of it.
func (q *queue) abandon(f *frame) {
	f.lane.inFlight = 0
	q.drop(f)
}

func (q *queue) drop(f *frame) {
	q.dropped += uint64(f.messages)
	q.recycle(f)
	q.lost()
}

func (q *queue) recycle(f *frame) {
	if len(q.spare) == spareFrames || cap(f.data) > maxReuse {
		return
	}
	*f = frame{data: f.data[:0]}
	q.spare = append(q.spare, f)
}

// trim keeps the newest of what waits for a peer that is not connected: what is old by the time it connects is of no use.
func (q *queue) trim() {
	if q.online {
		return
	}
	for len(q.bulk.frames) > 1 && q.bulk.bytes > offlineBytes {
		q.drop(q.bulk.pop())
	}
	for len(q.urgent.frames) > 1 && q.urgent.bytes > offlineBytes {
		q.drop(q.urgent.pop())
	}
}

// isEmpty reports whether nothing waits.
func (q *queue) isEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.bulk.frames) == 0 && len(q.urgent.frames) == 0
}

// describe adds what the queue has counted to a status.
func (q *queue) describe(s *PeerStatus) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.QueueBytes = q.bulk.bytes + q.bulk.inFlight + q.urgent.bytes + q.urgent.inFlight
	s.SentMessages = q.sent.messages
	s.SentBytes = q.sent.bytes
	s.SentFrames = q.sent.frames
	s.DroppedMessages = q.dropped
}
