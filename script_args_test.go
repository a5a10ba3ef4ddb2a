package raft

import (
	"slices"
	"strconv"

	"github.com/cockroachdb/datadriven"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The arguments of a script's command: words, each of which is taken by position or as a flag, and values of a
// name, as in "propose 1 x n=3 quiet". What no one takes fails the test.

type scriptArgs struct {
	s     *script
	cmd   string
	words []string
	named map[string][]string
}

func newScriptArgs(s *script, cmd string, args []datadriven.CmdArg) *scriptArgs {
	a := &scriptArgs{s: s, cmd: cmd, named: map[string][]string{}}
	for _, arg := range args {
		if len(arg.Vals) == 0 {
			a.words = append(a.words, arg.Key)
			continue
		}
		if _, twice := a.named[arg.Key]; twice {
			a.fatalf("%s is given twice", arg.Key)
		}
		a.named[arg.Key] = arg.Vals
	}
	return a
}

func (a *scriptArgs) fatalf(format string, args ...any) {
	a.s.t.Helper()
	a.s.fatalf("%s: "+format, slices.Concat([]any{a.cmd}, args)...)
}

// finish fails the test if an argument was not taken.
func (a *scriptArgs) finish() {
	if len(a.words) > 0 {
		a.fatalf("unknown or superfluous arguments %q", a.words)
	}
	for key := range a.named {
		a.fatalf("unknown argument %s=", key)
	}
}

// flag takes the word, wherever it stands, and reports whether it was there.
func (a *scriptArgs) flag(word string) bool {
	i := slices.Index(a.words, word)
	if i < 0 {
		return false
	}
	a.words = slices.Delete(a.words, i, i+1)
	return true
}

// more reports whether there are words left.
func (a *scriptArgs) more() bool { return len(a.words) > 0 }

// word takes the next word.
func (a *scriptArgs) word(what string) string {
	if !a.more() {
		a.fatalf("%s is missing", what)
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w
}

// rest takes all words that are left.
func (a *scriptArgs) rest() []string {
	words := a.words
	a.words = nil
	return words
}

func (a *scriptArgs) parse(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		a.fatalf("%q is not a number", text)
	}
	return n
}

// id takes the next word as the ID of a running member.
func (a *scriptArgs) id() uint64 {
	id := a.parse(a.word("a member's ID"))
	if a.s.c.members[id] == nil {
		a.fatalf("no member %d is running", id)
	}
	return id
}

// ids takes all words that are left as IDs of running members; all members if there are none.
func (a *scriptArgs) ids() []uint64 {
	if !a.more() {
		return slices.Clone(a.s.c.ids)
	}
	var ids []uint64
	for a.more() {
		ids = append(ids, a.id())
	}
	return ids
}

// number takes the next word as a number.
func (a *scriptArgs) number(what string) uint64 { return a.parse(a.word(what)) }

// value takes the value of the name, or otherwise.
func (a *scriptArgs) value(name, otherwise string) string {
	vals, ok := a.named[name]
	if !ok {
		return otherwise
	}
	if len(vals) != 1 {
		a.fatalf("%s= wants one value", name)
	}
	delete(a.named, name)
	return vals[0]
}

// valueNumber takes the value of the name as a number, and reports whether it is given.
func (a *scriptArgs) valueNumber(name string) (n uint64, given bool) {
	if _, given = a.named[name]; !given {
		return 0, false
	}
	return a.parse(a.value(name, "")), true
}

// numberOr takes the value of the name as a number, or otherwise.
func (a *scriptArgs) numberOr(name string, otherwise uint64) uint64 {
	if n, given := a.valueNumber(name); given {
		return n
	}
	return otherwise
}

// list takes the values of the name.
func (a *scriptArgs) list(name string) []string {
	vals := a.named[name]
	delete(a.named, name)
	return vals
}

// numbers takes the values of the name as numbers.
func (a *scriptArgs) numbers(name string) []uint64 {
	var out []uint64
	for _, text := range a.list(name) {
		out = append(out, a.parse(text))
	}
	return out
}

// messageType takes the value of type=, and reports whether it is given.
func (a *scriptArgs) messageType() (t pb.MessageType, given bool) {
	name := a.value("type", "")
	if name == "" {
		return 0, false
	}
	n, ok := pb.MessageType_value[name]
	if !ok {
		a.fatalf("unknown message type %q", name)
	}
	return pb.MessageType(n), true
}

// options takes what sets fields of Config.
func (a *scriptArgs) options() []func(*Config) {
	var opts []func(*Config)
	flags := map[string]func(*Config){
		"async":         withAsync,
		"prevote":       withPreVote,
		"checkquorum":   withCheckQuorum,
		"lease":         withLeaseReads,
		"lease-on-ask":  withLeaseOnRequest,
		"no-forwarding": func(c *Config) { c.DisableProposalForwarding = true },
		"no-validation": func(c *Config) { c.DisableConfChangeValidation = true },
		"step-down":     func(c *Config) { c.StepDownOnRemoval = true },
	}
	for name, set := range flags {
		if a.flag(name) {
			opts = append(opts, set)
		}
	}
	values := map[string]func(*Config, uint64){
		"election":           func(c *Config, n uint64) { c.ElectionTick = int(n) },
		"heartbeat":          func(c *Config, n uint64) { c.HeartbeatTick = int(n) },
		"max-size":           func(c *Config, n uint64) { c.MaxSizePerMsg = n },
		"max-committed":      func(c *Config, n uint64) { c.MaxCommittedSizePerReady = n },
		"max-uncommitted":    func(c *Config, n uint64) { c.MaxUncommittedEntriesSize = n },
		"max-inflight":       func(c *Config, n uint64) { c.MaxInflightMsgs = int(n) },
		"max-inflight-bytes": func(c *Config, n uint64) { c.MaxInflightBytes = n },
		"max-reads":          func(c *Config, n uint64) { c.MaxPendingReads = int(n) },
		"lease-margin":       func(c *Config, n uint64) { c.LeaseMargin = int(n) },
	}
	for name, set := range values {
		if n, given := a.valueNumber(name); given {
			opts = append(opts, func(c *Config) { set(c, n) })
		}
	}
	return opts
}
