package raft_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// The examples run a group of one member, so that each fits on a page: with no one to send to, what remains is what
// every program that embeds the library does.

// config returns the configuration of member id.
func config(id uint64, storage raft.Storage) *raft.Config {
	return &raft.Config{
		ID:              id,
		ElectionTick:    10,
		HeartbeatTick:   1,
		Storage:         storage,
		MaxSizePerMsg:   1 << 20,
		MaxInflightMsgs: 256,
		Logger:          raft.DiscardLogger{},
	}
}

// store writes what a Ready asks to be written, in the order that matters: a snapshot replaces the log, entries
// follow it.
func store(storage *raft.MemoryStorage, rd raft.Ready) {
	if !raft.IsEmptySnap(rd.Snapshot) {
		check(storage.ApplySnapshot(rd.Snapshot))
	}
	check(storage.Append(rd.Entries))
	if !raft.IsEmptyHardState(rd.HardState) {
		check(storage.SetHardState(rd.HardState))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A RawNode is driven step by step: give it something, handle each Ready, advance.
func ExampleRawNode() {
	storage := raft.NewMemoryStorage()
	member, err := raft.NewRawNode(config(1, storage))
	check(err)
	check(member.Bootstrap([]raft.Peer{{ID: 1}}))

	drive := func() {
		for member.HasReady() {
			rd := member.Ready()
			store(storage, rd)
			// rd.Messages would be sent here.
			for _, entry := range rd.CommittedEntries {
				switch {
				case entry.Type == pb.EntryConfChange:
					var change pb.ConfChange
					check(change.Unmarshal(entry.Data))
					member.ApplyConfChange(change)
				case entry.Type == pb.EntryConfChangeV2: // without data it leaves a joint configuration
					var change pb.ConfChangeV2
					check(change.Unmarshal(entry.Data))
					member.ApplyConfChange(change)
				case len(entry.Data) > 0:
					fmt.Printf("apply %s\n", entry.Data)
				}
			}
			member.Advance(rd)
		}
	}
	drive()
	check(member.Campaign())
	drive()
	check(member.Propose([]byte("x = 1")))
	check(member.Propose([]byte("x = 2")))
	drive()
	fmt.Println(member.BasicStatus().RaftState)
	// Output:
	// apply x = 1
	// apply x = 2
	// StateLeader
}

// app is the smallest program around a Node: it stores, applies, and answers.
type app struct {
	node    raft.Node
	storage *raft.MemoryStorage
	members *pb.ConfState
	applied chan string
	reads   chan raft.ReadState
	done    chan struct{}
	ended   chan struct{}
}

// start runs the Ready loop for the node until done is closed.
func start(node raft.Node, storage *raft.MemoryStorage) *app {
	a := &app{
		node:    node,
		storage: storage,
		applied: make(chan string, 16),
		reads:   make(chan raft.ReadState, 16),
		done:    make(chan struct{}),
		ended:   make(chan struct{}),
	}
	go a.run()
	return a
}

func (a *app) run() {
	defer close(a.ended)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			a.node.Tick()
		case rd := <-a.node.Ready():
			store(a.storage, rd)
			// A group of more members sends rd.Messages here.
			for _, entry := range rd.CommittedEntries {
				a.apply(entry)
			}
			for _, read := range rd.ReadStates {
				a.reads <- read
			}
			a.node.Advance()
		case <-a.done:
			return
		}
	}
}

// apply applies one committed entry. A leader's own entries have no data.
func (a *app) apply(entry pb.Entry) {
	switch entry.Type {
	case pb.EntryNormal:
		if len(entry.Data) > 0 {
			a.applied <- string(entry.Data)
		}
	case pb.EntryConfChange:
		var change pb.ConfChange
		check(change.Unmarshal(entry.Data))
		a.members = a.node.ApplyConfChange(change)
		a.applied <- fmt.Sprintf("members %v", a.members.Voters)
	case pb.EntryConfChangeV2:
		var change pb.ConfChangeV2
		check(change.Unmarshal(entry.Data))
		a.members = a.node.ApplyConfChange(change)
		a.applied <- fmt.Sprintf("members %v, learners %v", a.members.Voters, a.members.Learners)
	}
}

// stop ends the program. Its storage is another's only when its loop, which writes to it, has ended.
func (a *app) stop() {
	close(a.done)
	<-a.ended
	a.node.Stop()
}

// A new group starts with its first members; a member that was stopped restarts with the storage that it had.
func ExampleStartNode() {
	storage := raft.NewMemoryStorage()
	a := start(raft.StartNode(config(1, storage), []raft.Peer{{ID: 1}}), storage)
	fmt.Println(<-a.applied)
	a.stop()

	// This application keeps its state in memory: all that is committed is applied again. One that has kept it sets
	// Config.Applied, and its storage returns the membership as of then.
	b := start(raft.RestartNode(config(1, storage)), storage)
	fmt.Println(<-b.applied)
	check(b.node.Propose(context.Background(), []byte("still here")))
	fmt.Println(<-b.applied)
	b.stop()
	// Output:
	// members [1]
	// members [1]
	// still here
}

// Propose waits for a leader, and says why it dropped a proposal.
func ExampleNode_Propose() {
	storage := raft.NewMemoryStorage()
	a := start(raft.StartNode(config(1, storage), []raft.Peer{{ID: 1}}), storage)
	defer a.stop()
	<-a.applied

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	check(a.node.Propose(ctx, []byte("x = 1")))
	fmt.Println(<-a.applied)
	// Output:
	// x = 1
}

// A change of membership is proposed like data, and takes effect when the application applies it.
func ExampleNode_ProposeConfChange() {
	storage := raft.NewMemoryStorage()
	a := start(raft.StartNode(config(1, storage), []raft.Peer{{ID: 1}}), storage)
	defer a.stop()
	fmt.Println(<-a.applied)

	change := pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{
		{Type: pb.ConfChangeAddLearnerNode, NodeID: 2},
		{Type: pb.ConfChangeAddLearnerNode, NodeID: 3},
	}}
	check(a.node.ProposeConfChange(context.Background(), change))
	fmt.Println(<-a.applied) // the joint configuration, in which the learners are added
	fmt.Println(<-a.applied) // left by itself
	// Output:
	// members [1]
	// members [1], learners [2 3]
	// members [1], learners [2 3]
}

// A read is linearizable once the state machine has applied the index that ReadIndex comes back with.
func ExampleNode_ReadIndex() {
	storage := raft.NewMemoryStorage()
	a := start(raft.StartNode(config(1, storage), []raft.Peer{{ID: 1}}), storage)
	defer a.stop()
	<-a.applied
	check(a.node.Propose(context.Background(), []byte("x = 1")))
	<-a.applied

	check(a.node.ReadIndex(context.Background(), []byte("request 7")))
	read := <-a.reads
	fmt.Printf("%s: read once %d is applied\n", read.RequestCtx, read.Index)
	// Output:
	// request 7: read once 3 is applied
}

// A snapshot stands for a prefix of the log, which can then be compacted. Followers that need what was compacted are
// sent the snapshot.
func ExampleMemoryStorage_CreateSnapshot() {
	storage := raft.NewMemoryStorage()
	a := start(raft.StartNode(config(1, storage), []raft.Peer{{ID: 1}}), storage)
	defer a.stop()
	<-a.applied
	for i := 0; i < 5; i++ {
		check(a.node.Propose(context.Background(), []byte(fmt.Sprintf("x = %d", i))))
		<-a.applied
	}

	state := []byte("x = 4")
	snapshot, err := storage.CreateSnapshot(5, &pb.ConfState{Voters: []uint64{1}}, state)
	check(err)
	check(storage.Compact(5))
	first, err := storage.FirstIndex()
	check(err)
	fmt.Printf("snapshot up to %d, log from %d\n", snapshot.Metadata.Index, first)
	// Output:
	// snapshot up to 5, log from 6
}
