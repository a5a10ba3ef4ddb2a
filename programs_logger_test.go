// What programs give the library as its Logger: etcd and Fabric one over zap, swarmkit one over logrus, Dgraph one over
// glog. In each Panicf panics and Fatalf ends the process. So whatever arrives, whatever the disk does, and whatever the
// program asks for, none of the two may be called; and what the operator is to know comes through the others.

package raft_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// strictLogger panics where a program's logger would panic or end the process, formats all else, and counts it.
type strictLogger struct{ fatal, errors, warnings, lines atomic.Int64 }

var _ raft.Logger = (*strictLogger)(nil)

func (l *strictLogger) end(v ...any) {
	l.fatal.Add(1)
	panic(fmt.Sprint(v...))
}

func (l *strictLogger) line(count *atomic.Int64, text string) {
	count.Add(1)
	if text == "" {
		l.end("an empty line")
	}
}

func (l *strictLogger) Debug(v ...any)                 { l.line(&l.lines, fmt.Sprint(v...)) }
func (l *strictLogger) Debugf(format string, v ...any) { l.line(&l.lines, fmt.Sprintf(format, v...)) }
func (l *strictLogger) Info(v ...any)                  { l.line(&l.lines, fmt.Sprint(v...)) }
func (l *strictLogger) Infof(format string, v ...any)  { l.line(&l.lines, fmt.Sprintf(format, v...)) }
func (l *strictLogger) Warning(v ...any)               { l.line(&l.warnings, fmt.Sprint(v...)) }
func (l *strictLogger) Warningf(format string, v ...any) {
	l.line(&l.warnings, fmt.Sprintf(format, v...))
}
func (l *strictLogger) Error(v ...any)                 { l.line(&l.errors, fmt.Sprint(v...)) }
func (l *strictLogger) Errorf(format string, v ...any) { l.line(&l.errors, fmt.Sprintf(format, v...)) }
func (l *strictLogger) Fatal(v ...any)                 { l.end(v...) }
func (l *strictLogger) Fatalf(format string, v ...any) { l.end(fmt.Sprintf(format, v...)) }
func (l *strictLogger) Panic(v ...any)                 { l.end(v...) }
func (l *strictLogger) Panicf(format string, v ...any) { l.end(fmt.Sprintf(format, v...)) }

// logsTo returns what makes a member log there.
func logsTo(l raft.Logger) configurer {
	return func(_ *member, cfg *raft.Config) { cfg.Logger = l }
}

func TestProgramsLoggersThatPanicSeeAGroupsLife(t *testing.T) {
	forEachProgram(t, func(t *testing.T, handle handler) {
		logger := &strictLogger{}
		f := newFleet(t, handle, 3, logsTo(logger))
		liveThrough(t, f, handle)
		require.Zero(t, logger.fatal.Load())
		require.Zero(t, logger.errors.Load(), "nothing was wrong")
		require.Positive(t, logger.lines.Load())
	})
}

// strangeMessages returns messages of every type, from members and strangers, whose fields are beyond any bound.
func strangeMessages() []pb.Message {
	const all = 1<<64 - 1
	var out []pb.Message
	for typ := pb.MessageType(-1); typ <= pb.MsgForgetLeader+1; typ++ {
		for _, from := range []uint64{raft.None, 1, 2, 77, raft.LocalAppendThread, raft.LocalApplyThread} {
			for _, term := range []uint64{0, 1, 2, 3, all} {
				plain := pb.Message{Type: typ, From: from, To: 1, Term: term, Index: 2, LogTerm: 1}
				wild := plain
				wild.Index, wild.LogTerm, wild.Commit, wild.RejectHint, wild.Reject = all, all, all, all, true
				wild.Context = []byte("context")
				wild.Snapshot = &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: all, Term: all}}
				holding := plain
				holding.Entries = []pb.Entry{
					{Type: 9}, {Type: pb.EntryConfChange, Data: []byte{0xff}}, {Term: all, Index: all},
				}
				out = append(out, plain, wild, holding)
			}
		}
	}
	return out
}

func TestProgramsLoggersThatPanicSeeStrangeMessages(t *testing.T) {
	for role, want := range map[string]raft.StateType{"follower": raft.StateFollower, "leader": raft.StateLeader} {
		t.Run(role, func(t *testing.T) {
			logger := &strictLogger{}
			f := newFleet(t, asEtcd, 3, logsTo(logger))
			m := f.members[1]
			for _, msg := range strangeMessages() {
				if want == raft.StateLeader && m.node.Status().RaftState != want {
					f.elect(1)
				}
				require.NotPanics(t, func() {
					_ = m.node.Step(context.Background(), msg)
					for m.step() {
						continue
					}
				}, "%v", msg)
				f.wire = nil
			}
			require.Zero(t, logger.fatal.Load())
		})
	}
}

var errDiskIsGone = errors.New("the disk is gone")

// failingStorage fails from when it is told to.
type failingStorage struct {
	*raft.MemoryStorage
	fails *atomic.Bool
}

func (s failingStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if s.fails.Load() {
		return nil, errDiskIsGone
	}
	return s.MemoryStorage.Entries(lo, hi, maxSize)
}

func (s failingStorage) Snapshot() (pb.Snapshot, error) {
	if s.fails.Load() {
		return pb.Snapshot{}, errDiskIsGone
	}
	return s.MemoryStorage.Snapshot()
}

// A disk that cannot be read is reported as an error, and asked again: when it is back the member goes on.
func TestProgramsLoggersThatPanicSeeAFailingDisk(t *testing.T) {
	logger, fails := &strictLogger{}, &atomic.Bool{}
	f := newFleet(t, asSwarmkit, 1, logsTo(logger), func(m *member, cfg *raft.Config) {
		cfg.Storage = failingStorage{m.storage, fails}
	})
	f.elect(1)
	fails.Store(true)
	require.NotPanics(t, func() { f.propose(1, "a") })
	f.requireData(nil)
	require.Positive(t, logger.errors.Load())
	fails.Store(false)
	f.beat(1)
	f.requireData([]string{"a"})
	require.Zero(t, logger.fatal.Load())
}

// What a program asks for in vain is a line in the log, or an error, and never the end.
func TestProgramsLoggersThatPanicSeeVainRequests(t *testing.T) {
	logger := &strictLogger{}
	f := newFleet(t, asSwarmkit, 3, logsTo(logger))
	leader := f.elect(1)
	ctx := context.Background()
	require.NotPanics(t, func() {
		leader.node.TransferLeadership(ctx, 1, 77)
		leader.node.ApplyConfChange(pb.ConfChange{Type: 77, NodeID: 2})
		leader.node.ApplyConfChange(pb.ConfChangeV2{})
		leader.node.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: raft.LocalAppendThread})
		_ = leader.node.ProposeConfChange(ctx, pb.ConfChange{Type: 77, NodeID: 2})
		leader.node.Advance()
		f.settle()
	})
	require.Zero(t, logger.fatal.Load())
	require.Positive(t, logger.warnings.Load()+logger.errors.Load())
	f.propose(2, "goes on")
	f.requireData([]string{"goes on"})
}

// A Config that is not valid, and a disk that fails at once, are errors of the Node that was started with them.
func TestProgramsLoggersThatPanicSeeAStartThatFails(t *testing.T) {
	logger := &strictLogger{}
	cfg := config(0, raft.NewMemoryStorage())
	cfg.Logger = logger
	require.NotPanics(t, func() {
		for _, n := range []raft.Node{raft.StartNode(cfg, nil), raft.RestartNode(cfg)} {
			require.ErrorIs(t, n.Propose(context.Background(), nil), raft.ErrStopped)
			n.Stop()
		}
	})
	require.Zero(t, logger.fatal.Load())
	require.Equal(t, int64(2), logger.errors.Load())
}
