package server

// What has happened to this member: the leaders that it saw, and a short log for people to read. Both are kept for a
// while and handed to the streams of /events.

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/replica"
)

const (
	maxHistory = 100 // changes of leader that are kept
	maxLines   = 200 // lines of the log that are kept
)

// leaderChange is an element of the history.
type leaderChange struct {
	Time   time.Time `json:"time"`
	Term   uint64    `json:"term"`
	Leader uint64    `json:"leader"`
}

// logLine is what an event of kind log holds.
type logLine struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`

	number uint64 // from 1 on
}

// A hub takes events from the replica and never waits.
type hub struct {
	leader atomic.Uint64 // 0 if unknown

	mu      sync.Mutex
	history []leaderChange
	lines   []logLine
	number  uint64
	members string        // the last line about them
	changed chan struct{} // closed when there is a new line
}

func newHub() *hub { return &hub{changed: make(chan struct{})} }

// add appends a line.
func (h *hub) add(kind, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addLocked(kind, fmt.Sprintf(format, args...))
}

func (h *hub) addLocked(kind, text string) {
	h.number++
	h.lines = keepLast(append(h.lines, logLine{Time: time.Now().UTC(), Kind: kind, Text: text, number: h.number}), maxLines)
	close(h.changed)
	h.changed = make(chan struct{})
}

// keepLast drops from the front what is too much. It copies now and then, so that what is dropped does not stay in memory.
func keepLast[T any](list []T, most int) []T {
	if len(list) < 2*most {
		return list
	}
	return append([]T(nil), list[len(list)-most:]...)
}

// linesAfter returns the lines with higher numbers, and a channel that is closed when there are more.
func (h *hub) linesAfter(number uint64) ([]logLine, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []logLine
	for _, line := range h.lines[max(0, len(h.lines)-maxLines):] {
		if line.number > number {
			lines = append(lines, line)
		}
	}
	return lines, h.changed
}

// leaders returns the last changes of leader.
func (h *hub) leaders() []leaderChange {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]leaderChange{}, h.history[max(0, len(h.history)-maxHistory):]...)
}

// take is the replica's OnEvent.
func (h *hub) take(event replica.Event) {
	switch e := event.(type) {
	case replica.LeaderChanged:
		h.takeLeader(e)
	case replica.MembersChanged:
		h.takeMembers(e)
	case replica.SnapshotSaved:
		h.add("snapshot", "saved a snapshot at index %d, %d bytes", e.Index, e.Bytes)
	case replica.SnapshotSent:
		h.takeSent(e)
	case replica.SnapshotReceived:
		h.add("snapshot", "restored a snapshot at index %d from member %d, %d bytes", e.Index, e.From, e.Bytes)
	case replica.Compacted:
		h.add("compaction", "removed the log up to index %d", e.Index)
	case replica.Stopped:
		h.takeStopped(e)
	}
}

func (h *hub) takeLeader(e replica.LeaderChanged) {
	h.leader.Store(e.Leader)
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.history); n > 0 && h.history[n-1].Leader == e.Leader && h.history[n-1].Term == e.Term {
		return
	}
	if len(h.history) == 0 && e.Leader == 0 {
		return
	}
	h.history = keepLast(append(h.history, leaderChange{Time: time.Now().UTC(), Term: e.Term, Leader: e.Leader}), maxHistory)
	if e.Leader == 0 {
		h.addLocked("leader", fmt.Sprintf("no leader is known in term %d", e.Term))
		return
	}
	h.addLocked("leader", fmt.Sprintf("member %d leads in term %d", e.Leader, e.Term))
}

// takeMembers notes the members once, although several changes in a row, as at the beginning, may lead to the same.
func (h *hub) takeMembers(e replica.MembersChanged) {
	text := "the members are now " + describeMembers(e.Members)
	h.mu.Lock()
	defer h.mu.Unlock()
	if text != h.members {
		h.members = text
		h.addLocked("members", text)
	}
}

func (h *hub) takeSent(e replica.SnapshotSent) {
	if e.Err != nil {
		h.add("snapshot", "sending a snapshot to member %d failed: %v", e.To, e.Err)
		return
	}
	h.add("snapshot", "sent a snapshot at index %d to member %d, %d bytes", e.Index, e.To, e.Bytes)
}

func (h *hub) takeStopped(e replica.Stopped) {
	if e.Err != nil {
		h.add("stopped", "the member has stopped: %v", e.Err)
		return
	}
	h.add("stopped", "the member has stopped")
}

func describeMembers(members []replica.Member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = fmt.Sprint(m.ID)
		if m.Learner {
			names[i] += " (learner)"
		}
	}
	return strings.Join(names, ", ")
}
