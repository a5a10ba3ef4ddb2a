package main

// members, transfer and snapshot.

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

const membersUsage = `members [list | add ID URL [--learner] | promote ID | remove ID]

Lists or changes the members of the cluster. A new member is best added as a learner, which takes in the data without
having a vote, and promoted when it has caught up:

  kvstore members add 4 http://10.0.0.4:8401 --learner
  kvstore serve --id 4 ...               on the new machine; kvstore help serve
  kvstore status                         until its lag is near zero
  kvstore members promote 4
  kvstore members remove 1

The ID of a member that was removed must not be used again.
`

func membersCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	line, flags := clientLine("members", membersUsage)
	learner := line.Bool("learner", false, "add: without a vote, until it is promoted")
	return flags.with(ctx, line, args, 0, 3, stdout, func(ctx context.Context, kv *client.Client, args []string) error {
		action := "list"
		if len(args) > 0 {
			action, args = args[0], args[1:]
		}
		want := map[string]int{"list": 0, "add": 2, "promote": 1, "remove": 1}
		count, known := want[action]
		if !known {
			return usagef("members: unknown action %q%s", action, didYouMean(action, []string{"list", "add", "promote", "remove"}, "")+
				"; usage: kvstore "+firstLine(membersUsage))
		}
		if err := countMembersArguments(action, args, count); err != nil {
			return err
		}
		if *learner && action != "add" {
			return usagef("members %s: --learner belongs to add", action)
		}
		if action == "list" {
			return listMembers(ctx, kv, flags.json, stdout, stderr)
		}
		id, err := parseID(args[0])
		if err != nil {
			return err
		}
		member := client.Member{ID: id, Learner: *learner}
		if action == "add" {
			member.URL = args[1]
		}
		return changeMembers(ctx, kv, action, member, flags.json, stdout)
	})
}

func countMembersArguments(action string, args []string, want int) error {
	problem := ""
	switch {
	case len(args) > want:
		problem = fmt.Sprintf("members %s: unexpected argument %q", action, args[want])
	case len(args) < want:
		problem = missing("members "+action, []string{"ID", "URL"}[len(args):want])
	default:
		return nil
	}
	return usagef("%s; usage: kvstore %s", problem, firstLine(membersUsage))
}

func listMembers(ctx context.Context, kv *client.Client, asJSON bool, stdout, stderr io.Writer) error {
	by, err := kv.Membership(ctx)
	if err != nil {
		return err
	}
	warnOfAge(stderr, by)
	members := by.Members
	if asJSON {
		return writeJSON(stdout, map[string]any{"members": members})
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tURL\tVOTE")
	for _, m := range members {
		vote := "yes"
		if m.Learner {
			vote = "no (learner)"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\n", m.ID, m.URL, vote)
	}
	return table.Flush()
}

// warnOfAge says so if a list of members may be old.
func warnOfAge(stderr io.Writer, by client.Membership) {
	switch {
	case by.Current:
	case by.Leader == 0:
		fmt.Fprintf(stderr, "kvstore: the list of members may be old: it is that of %s, which knows no leader, as nobody that answers does\n",
			by.Endpoint)
	default:
		fmt.Fprintf(stderr, "kvstore: the list of members may be old: it is that of %s, since the leader, member %d, does not answer\n",
			by.Endpoint, by.Leader)
	}
}

func changeMembers(
	ctx context.Context, kv *client.Client, action string, member client.Member, asJSON bool, stdout io.Writer,
) error {
	var err error
	var done string
	switch action {
	case "add":
		err, done = kv.AddMember(ctx, member), "is a member"
	case "promote":
		err, done = kv.Promote(ctx, member.ID), "has a vote"
	case "remove":
		err, done = kv.Remove(ctx, member.ID), "is no longer a member"
	}
	if err != nil {
		return err
	}
	if member.Learner {
		done = "is a learner"
	}
	if asJSON {
		return writeJSON(stdout, map[string]any{"id": member.ID, "done": action})
	}
	_, err = fmt.Fprintf(stdout, "%d %s\n", member.ID, done)
	return err
}

const transferUsage = `transfer ID

Hands leadership to the member ID, and waits until it leads. Nothing is lost, and writes wait for a moment only.
`

func transferCommand(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	line, flags := clientLine("transfer", transferUsage)
	return flags.with(ctx, line, args, 1, 1, stdout, func(ctx context.Context, kv *client.Client, args []string) error {
		id, err := parseID(args[0])
		if err != nil {
			return err
		}
		term, err := kv.Transfer(ctx, id)
		if err != nil {
			return err
		}
		if flags.json {
			return writeJSON(stdout, map[string]any{"leader": id, "term": term})
		}
		_, err = fmt.Fprintf(stdout, "%d leads in term %d\n", id, term)
		return err
	})
}

const snapshotUsage = `snapshot [ID...]

Makes members compact their logs now, all of them or those with the given IDs. They do so by themselves as well; the
command is for seeing it, and for freeing space at once.
`

func snapshotCommand(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	line, flags := clientLine("snapshot", snapshotUsage)
	return flags.with(ctx, line, args, 0, math.MaxInt, stdout, func(ctx context.Context, kv *client.Client, args []string) error {
		wanted := map[uint64]bool{}
		for _, arg := range args {
			id, err := parseID(arg)
			if err != nil {
				return err
			}
			wanted[id] = true
		}
		members, err := kv.Members(ctx)
		if err != nil {
			return err
		}
		for _, m := range members {
			if len(args) > 0 && !wanted[m.ID] {
				continue
			}
			delete(wanted, m.ID)
			if err := snapshotMember(ctx, kv, m, flags.json, stdout); err != nil {
				return err
			}
		}
		for id := range wanted {
			return fmt.Errorf("%w: no member has the ID %d; kvstore members lists them", client.ErrNotFound, id)
		}
		return nil
	})
}

func snapshotMember(ctx context.Context, kv *client.Client, m client.Member, asJSON bool, stdout io.Writer) error {
	index, err := kv.Snapshot(ctx, m.URL)
	if err != nil {
		return fmt.Errorf("member %d: %w", m.ID, err)
	}
	if asJSON {
		return writeJSON(stdout, map[string]any{"id": m.ID, "index": index})
	}
	_, err = fmt.Fprintf(stdout, "%d: compacted up to index %d\n", m.ID, index)
	return err
}

func parseID(text string) (uint64, error) {
	id, err := parseNumber("the ID of a member", text)
	if err == nil && id == 0 {
		return 0, usagef("the ID of a member: 0 is none")
	}
	return id, err
}

func parseNumber(what, text string) (uint64, error) {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, usagef("%s: %q is no number", what, text)
	}
	return number, nil
}
