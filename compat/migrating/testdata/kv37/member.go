package main

// This file is one member: the loop around a raft.Node, and the map that it replicates.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"
)

// patience is how long a put or a read waits before it is to be tried again.
const patience = 5 * time.Second

// member is one member, its disk and its state.
type member struct {
	id       uint64
	node     raft.Node
	disk     *disk
	listener net.Listener
	links    map[uint64]*link
	quit     chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	state   map[string]string
	applied uint64
	conf    *raftpb.ConfState
	serial  int
	waiting map[string]chan struct{} // who waits for what, by its name
	reads   []raft.ReadState         // confirmed, and not applied far enough
}

// command is what a proposal holds.
type command struct {
	Name string
	Pair
}

func socket(id uint64) string { return filepath.Join(directory(id), "socket") }

func directory(id uint64) string { return fmt.Sprintf("member-%d", id) }

// startMember starts a member with what its disk holds.
func startMember(id uint64) (*member, error) {
	d, err := openDisk(directory(id))
	if err != nil {
		return nil, err
	}
	m := &member{
		id: id, disk: d, links: map[uint64]*link{}, quit: make(chan struct{}), done: make(chan struct{}),
		state: map[string]string{}, waiting: map[string]chan struct{}{},
	}
	if err := m.restore(d.snapshot()); err != nil {
		return nil, err
	}
	config := &raft.Config{
		ID: id, ElectionTick: 10, HeartbeatTick: 1, Storage: d.storage, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 64,
		CheckQuorum: true, PreVote: true, Logger: quiet(),
	}
	if d.fresh {
		var peers []raft.Peer
		for _, peer := range everyone {
			peers = append(peers, raft.Peer{ID: peer})
		}
		m.node = raft.StartNode(config, peers)
	} else {
		m.node = raft.RestartNode(config)
	}
	go m.run()
	return m, m.listen()
}

// quiet returns a logger that writes nothing.
func quiet() raft.Logger {
	return &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)}
}

func (m *member) stop() error {
	m.listener.Close()
	close(m.quit)
	<-m.done
	return m.disk.close()
}

// run is the loop of the member.
func (m *member) run() {
	defer close(m.done)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			m.node.Tick()
		case rd := <-m.node.Ready():
			if err := m.handle(rd); err != nil {
				fmt.Fprintln(os.Stderr, "kv:", err)
				os.Exit(1)
			}
			m.node.Advance()
		case <-m.quit:
			m.node.Stop()
			return
		}
	}
}

// handle does what a Ready asks for: write, send, apply, answer.
func (m *member) handle(rd raft.Ready) error {
	if err := m.disk.save(rd.Snapshot, rd.Entries, rd.HardState); err != nil {
		return err
	}
	for _, msg := range rd.Messages {
		m.send(msg)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := m.restore(rd.Snapshot); err != nil {
			return err
		}
	}
	for _, entry := range rd.CommittedEntries {
		if err := m.apply(entry); err != nil {
			return err
		}
	}
	m.reads = append(m.reads, rd.ReadStates...)
	m.answerReads()
	return m.disk.compact(m.applied, m.conf, m.state)
}

// restore takes over the state of a snapshot.
func (m *member) restore(snapshot *raftpb.Snapshot) error {
	if raft.IsEmptySnap(snapshot) {
		return nil
	}
	m.applied = snapshot.GetMetadata().GetIndex()
	m.conf = snapshot.GetMetadata().GetConfState()
	m.state = map[string]string{}
	return json.Unmarshal(snapshot.GetData(), &m.state)
}

// apply applies one committed entry.
func (m *member) apply(entry *raftpb.Entry) error {
	m.applied = entry.GetIndex()
	switch entry.GetType() {
	case raftpb.EntryConfChange:
		change := new(raftpb.ConfChange)
		if err := proto.Unmarshal(entry.GetData(), change); err != nil {
			return err
		}
		m.conf = m.node.ApplyConfChange(change)
	case raftpb.EntryNormal:
		if len(entry.GetData()) == 0 {
			return nil
		}
		var c command
		if err := json.Unmarshal(entry.GetData(), &c); err != nil {
			return err
		}
		m.state[c.Key] = c.Value
		m.finish(c.Name)
	}
	return nil
}

// answerReads tells those whose read may see the state now.
func (m *member) answerReads() {
	var later []raft.ReadState
	for _, read := range m.reads {
		if read.Index > m.applied {
			later = append(later, read)
			continue
		}
		m.finish(string(read.RequestCtx))
	}
	m.reads = later
}

// expect returns a name that nobody else has, and what is closed when it is finished.
func (m *member) expect() (string, chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.serial++
	name := fmt.Sprintf("%d-%d-%d", m.id, os.Getpid(), time.Now().UnixNano()) + fmt.Sprint("-", m.serial)
	m.waiting[name] = make(chan struct{})
	return name, m.waiting[name]
}

func (m *member) finish(name string) {
	if c := m.waiting[name]; c != nil {
		close(c)
		delete(m.waiting, name)
	}
}

// await waits for what was expected.
func (m *member) await(ctx context.Context, name string, finished chan struct{}) error {
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.waiting, name)
		return errors.New("no answer in time: try again")
	}
}

// put proposes a pair, and waits until it is applied here.
func (m *member) put(pair Pair) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name, finished := m.expect()
	data, err := json.Marshal(command{Name: name, Pair: pair})
	if err != nil {
		return err
	}
	err = m.node.Propose(ctx, data)
	if err == raft.ErrProposalDropped {
		return errors.New("not now: try again")
	}
	if err != nil {
		return err
	}
	return m.await(ctx, name, finished)
}

// get makes a linearizable read of everything.
func (m *member) get() (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name, finished := m.expect()
	if err := m.node.ReadIndex(ctx, []byte(name)); err != nil {
		return nil, err
	}
	if err := m.await(ctx, name, finished); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.state), nil
}

// status says how the member is.
func (m *member) status() Status {
	now := m.node.Status()
	s := Status{
		ID: m.id, Term: now.GetTerm(), Lead: now.Lead, Commit: now.GetCommit(), Applied: now.Applied, Match: map[uint64]uint64{},
	}
	for id, progress := range now.Progress {
		if progress.State == tracker.StateReplicate {
			s.Match[id] = progress.Match
		}
	}
	return s
}
