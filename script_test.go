package raft

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// The scripts of testdata: each is a claim about the protocol, named by its file, that its output shows. A script
// is a list of blocks. A block is one command or several, one a line, then "----", then what they print together:
// "ok" if that is nothing. testdata/README.md lists the commands; commands returns them by name. A command or an
// argument that is not known fails the test.
//
// Nothing happens but what a command says: "stabilize" lets all happen that can happen without time. Messages are
// printed as they are delivered or lost. After every command, on all members together, it is checked that no term
// has two leaders and that no index has two committed entries (Raft §5.2, §5.4.3), and after every call of a member
// the predicates of invariants.go.
//
// To accept the output of a script after having read it: go test -run TestScripts/<name> -rewrite

// TestScripts runs every script.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			s := newScript(t)
			datadriven.RunTest(t, path, s.runBlock)
		})
	}
}

// script is what a running script acts on.
type script struct {
	t   *testing.T
	pos string
	c   *cluster
	out strings.Builder

	// level is the lowest level at which members' messages to their logger are printed.
	level logLevel
	// tracing is what is printed of the things that happen.
	tracing tracing
	quiet   bool

	// down are the crashed members.
	down map[uint64]*testMember
	// lost and held say which messages are lost, and which stay in the network.
	lost, held []messageFilter

	ledger ledger
}

// tracing is what is printed of the things that happen.
type tracing int

const (
	traceNothing tracing = iota
	traceMessages
	traceAll
)

func newScript(t *testing.T) *script {
	s := &script{t: t, tracing: traceMessages}
	s.reset()
	return s
}

// reset begins a new group.
func (s *script) reset() {
	s.c = newCluster(s.t)
	s.c.lose = func(m message) bool { return matchesAny(s.lost, m) }
	s.down = map[uint64]*testMember{}
	s.lost, s.held = nil, nil
	s.ledger = newLedger()
}

// runBlock runs the commands of a block and returns what they print.
func (s *script) runBlock(t *testing.T, d *datadriven.TestData) string {
	s.t, s.c.t, s.pos = t, t, d.Pos
	s.out.Reset()
	s.run(d.Cmd, d.CmdArgs)
	for _, line := range strings.Split(d.Input, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cmd, args, err := datadriven.ParseLine(line)
		if err != nil {
			s.fatalf("%v", err)
		}
		s.run(cmd, args)
	}
	if s.out.Len() == 0 {
		return "ok\n"
	}
	return s.out.String()
}

// run runs one command.
func (s *script) run(cmd string, cmdArgs []datadriven.CmdArg) {
	s.t.Helper()
	a := newScriptArgs(s, cmd, cmdArgs)
	s.quiet = a.flag("quiet")
	s.c.trace, s.c.brief = nil, s.tracing != traceAll
	if s.tracing != traceNothing && !s.quiet {
		s.c.trace = &s.out
	}
	run, ok := s.commands()[cmd]
	if !ok {
		s.fatalf("unknown command %q", cmd)
	}
	run(a)
	a.finish()
	if err := s.ledger.check(s.c); err != nil {
		s.fatalf("%s: %v", cmd, err)
	}
}

// commands returns the commands by name.
func (s *script) commands() map[string]scriptCommand {
	all := map[string]scriptCommand{}
	for _, some := range []map[string]scriptCommand{
		s.groupCommands(), s.requestCommands(), s.storageCommands(), s.networkCommands(), s.viewCommands(),
	} {
		maps.Copy(all, some)
	}
	return all
}

// scriptCommand runs a command with its arguments.
type scriptCommand func(*scriptArgs)

// groupCommands are about the group and its members.
func (s *script) groupCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"voters":    s.cmdVoters,
		"new-group": s.cmdNewGroup,
		"add":       s.cmdAdd,
		"crash":     s.cmdCrash,
		"restart":   s.cmdRestart,
		"destroy":   s.cmdDestroy,
		"log-level": s.cmdLogLevel,
		"trace":     s.cmdTrace,
	}
}

// requestCommands are requests of the application.
func (s *script) requestCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"campaign":           s.cmdCampaign,
		"elect":              s.cmdElect,
		"propose":            s.cmdPropose,
		"change":             s.cmdChange,
		"veto":               s.cmdVeto,
		"read":               s.cmdRead,
		"transfer":           s.cmdTransfer,
		"forget-leader":      s.cmdForgetLeader,
		"report-unreachable": s.cmdReportUnreachable,
		"report-snapshot":    s.cmdReportSnapshot,
		"reports-by-hand":    s.cmdReportsByHand,
		"step":               s.cmdStep,
	}
}

// storageCommands are about storage.
func (s *script) storageCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"snapshot":      s.cmdSnapshot,
		"compact":       s.cmdCompact,
		"snapshots":     s.cmdSnapshots,
		"stall":         s.cmdStall,
		"resume":        s.cmdResume,
		"append-thread": s.cmdAppendThread,
		"apply-thread":  s.cmdApplyThread,
	}
}

// networkCommands are about time and the network.
func (s *script) networkCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"ready":     s.cmdReady,
		"stabilize": s.cmdStabilize,
		"tick":      s.cmdTick,
		"beat":      s.cmdBeat,
		"timeout":   s.cmdTimeout,
		"network":   s.cmdNetwork,
		"deliver":   s.cmdDeliver,
		"drop":      s.cmdDrop,
		"duplicate": s.cmdDuplicate,
		"hold":      s.cmdHold,
		"release":   s.cmdRelease,
		"lose":      s.cmdLose,
		"isolate":   s.cmdIsolate,
		"partition": s.cmdPartition,
		"heal":      s.cmdHeal,
	}
}

// viewCommands print a state.
func (s *script) viewCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"status":     s.cmdStatus,
		"describe":   s.cmdDescribe,
		"members":    s.cmdMembers,
		"progress":   s.cmdProgress,
		"log":        s.cmdLog,
		"disk":       s.cmdDisk,
		"applied":    s.cmdApplied,
		"reads":      s.cmdReads,
		"lease":      s.cmdLease,
		"lease-read": s.cmdLeaseRead,
	}
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s: "+format, slices.Concat([]any{s.pos}, args)...)
}
