package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

func TestNoIncompatibleChange(t *testing.T) {
	tr, err := newTree(root, nil)
	require.NoError(t, err)
	fewest := map[string]int{"": 60, "raftpb": 50, "quorum": 7, "tracker": 10, "confchange": 3}
	for _, dir := range packages() {
		t.Run(join("raft", dir), func(t *testing.T) {
			r, err := compare(tr, dir)
			require.NoError(t, err)
			require.Empty(t, r.problems)
			require.GreaterOrEqual(t, r.names, fewest[dir], "the real package was not read")
		})
	}
}

func TestReport(t *testing.T) {
	var b strings.Builder
	require.NoError(t, report(&b, root))
	require.Equal(t, len(packages()), strings.Count(b.String(), " 0 incompatible changes\n"), b.String())
	require.Equal(t, 10, strings.Count(b.String(), "allowed: "), b.String())
	require.Error(t, report(&b, t.TempDir()))
}

// A flaw is an edit of one file of this tree that a program could notice, and what the comparison is to say of it.
type flaw struct {
	name     string
	file     string
	old, new string
	dir      string // package that is compared
	want     string
}

// libraryFlaws are those that only the comparison of this library's packages can find.
func libraryFlaws() []flaw {
	return []flaw{
		{
			"type of a field", "ready.go", "Lead uint64", "Lead int64", "",
			"this library: SoftState.Lead: changed from uint64 to int64",
		},
		{
			"type of a field of another package's type", "raftpb/raft.pb.go", "\n\tTerm  ", "\n\tTurn  ", "raftpb",
			"this library: Entry.Term: removed",
		},
		{
			"order of fields", "ready.go", "Lead uint64\n\t// RaftState is this member's role.\n\tRaftState StateType",
			"RaftState StateType\n\tLead uint64", "",
			"this library: the fields of SoftState are in the order RaftState, Lead, the lineage's is Lead, RaftState",
		},
		{
			"missing method", "rawnode.go", ") TickQuiesced()", ") TickQuietly()", "",
			"this library: (*RawNode).TickQuiesced: removed",
		},
		{
			"method of an interface that users implement", "quorum/config.go", "type AckedIndexer interface {",
			"type AckedIndexer interface {\nClosed() bool", "quorum", "this library: AckedIndexer.Closed: added",
		},
		{
			"value of a constant", "tracker/progress.go", "StateProbe StateType = iota", "StateProbe StateType = iota+1",
			"tracker", "this library: StateProbe: value changed from 0 to 1",
		},
		{
			"receiver of a method", "tracker/config.go", "func (c Config) String()", "func (c *Config) String()", "tracker",
			"this library: Config.String",
		},
		{
			"type that cannot be compared any more", "logger.go", "exit  *func(", "exit  func(", "",
			"this library: DefaultLogger: old is comparable, new is not",
		},
		{
			"list of exceptions that is out of date", "raftpb/raft.pb.go", "func (m *Entry) XXX_Merge(src proto.Message)",
			"func (m *Entry) XXX_Merge()", "raftpb", "allowed, and not found: (*Entry).XXX_Merge",
		},
	}
}

// compatFlaws are those of compat/etcd itself.
func compatFlaws() []flaw {
	const generated = "compat/etcd/generated.go"
	return []flaw{
		{"missing function", generated, "func IsEmptySnap(", "func isEmptySnap(", "", "compat/etcd: IsEmptySnap: removed"},
		{
			"parameter", generated, "func StartNode(c *Config, peers []Peer)", "func StartNode(c Config, peers []Peer)", "",
			"compat/etcd: StartNode: changed",
		},
		{
			"alias for another type", generated, "= ours.SoftState", "= ours.ReadState", "",
			"compat/etcd: SoftState: changed from SoftState to go.etcd.io/raft/v3.ReadState",
		},
		{
			"a type of its own", generated, "TracingEvent      = ours", "TracingEvent ours", "",
			"misdirected: TracingEvent",
		},
		{
			"another constant", generated, "= ours.StateLeader", "= ours.StateFollower", "",
			"compat/etcd: StateLeader: value changed from 2 to 0",
		},
		{"another variable", generated, "= ours.ErrStopped", "= 1", "", "compat/etcd: ErrStopped: changed from error to int"},
		{
			"missing method of a type of its own", "compat/etcd/tracker/progress_tracker.go", ") Committed() uint64",
			") committed() uint64", "tracker", "compat/etcd: (*ProgressTracker).Committed: removed",
		},
		{
			"field of a type of its own", "compat/etcd/confchange/changer.go", "LastIndex uint64", "LastIndex int",
			"confchange", "compat/etcd: Changer.LastIndex: changed from uint64 to int",
		},
	}
}

// TestFlawsAreFound compares trees with one flaw each.
func TestFlawsAreFound(t *testing.T) {
	for _, f := range append(libraryFlaws(), compatFlaws()...) {
		t.Run(f.name, func(t *testing.T) {
			edited := false
			tr, err := newTree(root, func(file, text string) string {
				if file != f.file {
					return text
				}
				changed := strings.Replace(text, f.old, f.new, 1)
				edited = changed != text
				return changed
			})
			require.NoError(t, err)
			r, err := compare(tr, f.dir)
			require.NoError(t, err)
			require.True(t, edited, "%s does not hold %q", f.file, f.old)
			require.Contains(t, strings.Join(r.problems, "\n"), f.want)
		})
	}
}
