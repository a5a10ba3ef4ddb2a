// The tour of README.md: three members in one process, and a map that is the same on all of them.
package main

import (
	"fmt"
	"strings"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/raftpb"
)

// member is one replica: its consensus, its disk, and its application, a map.
type member struct {
	*raft.RawNode
	disk  *raft.MemoryStorage
	state map[string]string
}

// handle does what the member's consensus asks for: write, send, apply, advance.
func (m *member) handle(send func(raftpb.Message)) {
	rd := m.Ready()
	must(m.disk.Append(rd.Entries))
	if !raft.IsEmptyHardState(rd.HardState) {
		must(m.disk.SetHardState(rd.HardState))
	}
	for _, msg := range rd.Messages {
		send(msg)
	}
	for _, entry := range rd.CommittedEntries {
		m.apply(entry)
	}
	m.Advance(rd)
}

// apply applies one committed entry.
func (m *member) apply(entry raftpb.Entry) {
	if entry.Type == raftpb.EntryConfChange {
		var change raftpb.ConfChange
		must(change.Unmarshal(entry.Data))
		m.ApplyConfChange(change)
		return
	}
	if key, value, ok := strings.Cut(string(entry.Data), "="); ok {
		m.state[key] = value
	}
}

func main() {
	peers := []raft.Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	members := map[uint64]*member{}
	for _, peer := range peers {
		disk := raft.NewMemoryStorage()
		node, err := raft.NewRawNode(&raft.Config{
			ID: peer.ID, ElectionTick: 10, HeartbeatTick: 1, Storage: disk,
			MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, Logger: raft.DiscardLogger{},
		})
		must(err)
		must(node.Bootstrap(peers))
		members[peer.ID] = &member{RawNode: node, disk: disk, state: map[string]string{}}
	}

	// settle lets the members work, and delivers their messages at once, until nobody has anything to do.
	settle := func() {
		for busy := true; busy; {
			busy = false
			for _, peer := range peers {
				for m := members[peer.ID]; m.HasReady(); busy = true {
					m.handle(func(msg raftpb.Message) { must(members[msg.To].Step(msg)) })
				}
			}
		}
	}

	settle()
	must(members[1].Campaign()) // in real life Tick does this, when no leader is heard of
	settle()
	must(members[1].Propose([]byte("answer=42")))
	must(members[3].Propose([]byte("question=unknown"))) // a follower passes it to the leader
	settle()
	for _, peer := range peers {
		status := members[peer.ID].BasicStatus()
		fmt.Println(peer.ID, status.RaftState, "commit", status.Commit, members[peer.ID].state)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
