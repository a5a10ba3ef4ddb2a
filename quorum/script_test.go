package quorum

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// TestScripts runs the scripts of testdata. Their commands are
//
//	commit voters=(1,2,3) [outgoing=(3,4)] [acked=(1:7,2:3)]    draws who has acknowledged what, and the commit index
//	vote voters=(1,2,3) [outgoing=(3,4)] [yes=(1,2)] [no=(3)]   prints the result of each majority and of both
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			c := JointConfig{set(argIDs(t, d, "voters")...), set(argIDs(t, d, "outgoing")...)}
			switch d.Cmd {
			case "commit":
				return c.Describe(argAcked(t, d))
			case "vote":
				return describeVote(c, argVotes(t, d))
			default:
				d.Fatalf(t, "unknown command %q", d.Cmd)
				return ""
			}
		})
	})
}

func describeVote(c JointConfig, votes map[uint64]bool) string {
	if len(c[1]) == 0 {
		return fmt.Sprintf("%s: %s\n", c, c.VoteResult(votes))
	}
	return fmt.Sprintf("incoming %s: %s\noutgoing %s: %s\nboth: %s\n",
		c[0], c[0].VoteResult(votes), c[1], c[1].VoteResult(votes), c.VoteResult(votes))
}

func argValues(d *datadriven.TestData, key string) []string {
	for _, arg := range d.CmdArgs {
		if arg.Key == key {
			return arg.Vals
		}
	}
	return nil
}

func parse(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoError(t, err)
	return n
}

func argIDs(t *testing.T, d *datadriven.TestData, key string) []uint64 {
	var ids []uint64
	for _, v := range argValues(d, key) {
		ids = append(ids, parse(t, v))
	}
	return ids
}

func argAcked(t *testing.T, d *datadriven.TestData) ackMap {
	acked := ackMap{}
	for _, v := range argValues(d, "acked") {
		id, idx, ok := strings.Cut(v, ":")
		require.True(t, ok, "want id:index, got %q", v)
		acked[parse(t, id)] = Index(parse(t, idx))
	}
	return acked
}

func argVotes(t *testing.T, d *datadriven.TestData) map[uint64]bool {
	votes := map[uint64]bool{}
	for _, id := range argIDs(t, d, "yes") {
		votes[id] = true
	}
	for _, id := range argIDs(t, d, "no") {
		votes[id] = false
	}
	return votes
}
