package replica

import (
	"sync"

	pb "github.com/seed695671cb/raft/raftpb"
)

// An inbox holds what waits for a replica's next step. Anybody may put something in; the bounds are those of Config.
type inbox struct {
	mu      sync.Mutex
	waiting letters
	// spare is the room of letters that have been taken in, for those to come.
	spare  letters
	bytes  int
	closed bool
	// dropped counts messages of other members for which there was no room.
	dropped uint64
}

// letters are what a step takes in, by kind.
type letters struct {
	// acks are from the log store and the applying goroutine.
	acks        []pb.Message
	messages    []pb.Message
	calls       []func()
	proposals   []*proposal
	reads       []*read
	unreachable []uint64
}

// maxRoom is for how many letters of a kind room is kept.
const maxRoom = 1024

func emptied[T any](s []T) []T {
	if cap(s) > maxRoom {
		return nil
	}
	clear(s)
	return s[:0]
}

func (l *letters) clear() {
	l.acks, l.messages = emptied(l.acks), emptied(l.messages)
	l.calls, l.proposals = emptied(l.calls), emptied(l.proposals)
	l.reads, l.unreachable = emptied(l.reads), emptied(l.unreachable)
}

// put changes what waits, and reports whether it could: not once the inbox is closed.
func (b *inbox) put(change func(*letters)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	change(&b.waiting)
	return true
}

// putMessage adds a message of another member if there is room.
func (b *inbox) putMessage(m *pb.Message, maxCount, maxBytes int) bool {
	size := m.Size()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	if n := len(b.waiting.messages); n >= maxCount || n > 0 && b.bytes+size > maxBytes {
		b.dropped++
		return false
	}
	b.waiting.messages = append(b.waiting.messages, *m)
	b.bytes += size
	return true
}

// putUnreachable notes once that a member may not have received something.
func (b *inbox) putUnreachable(id uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	for _, known := range b.waiting.unreachable {
		if known == id {
			return false
		}
	}
	b.waiting.unreachable = append(b.waiting.unreachable, id)
	return true
}

// take returns what waits. It is the taker's until the next take.
func (b *inbox) take() letters {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.waiting
	b.waiting, b.spare = b.spare, letters{}
	b.bytes = 0
	return taken
}

// giveBack returns the room of what was taken.
func (b *inbox) giveBack(l letters) {
	l.clear()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare = l
}

// close has the inbox take nothing more, and returns what waits.
func (b *inbox) close() letters {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	taken := b.waiting
	b.waiting = letters{}
	return taken
}

func (b *inbox) counts() (messages int, dropped uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting.messages), b.dropped
}
