package main

// status: every member by its own account, and how far behind the leader sees it.

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

const statusUsage = `status

Asks every member and shows what it says of itself: role and term, the end of its log (LAST), how far that is committed
and applied, and the revision and number of its keys. LAG is how many entries it is behind by the leader's account.
Status 1 if no member answers, or none leads.
`

func statusCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	line, flags := clientLine("status", statusUsage)
	return flags.with(ctx, line, args, 0, 0, stdout, func(ctx context.Context, kv *client.Client, _ []string) error {
		by, err := kv.Membership(ctx)
		if err != nil {
			by = client.Membership{}
		} else {
			warnOfAge(stderr, by)
		}
		reports := kv.StatusesOf(ctx, by)
		leader := leaderOf(reports)
		write := writeStatusTable
		if flags.json {
			write = writeStatusJSON
		}
		if err := write(stdout, reports, leader); err != nil {
			return err
		}
		if leader != nil {
			return nil
		}
		return leaderless(reports)
	})
}

// leaderless says why no leader is shown.
func leaderless(reports []client.Report) error {
	answers := false
	for _, r := range reports {
		if r.Err == nil && r.Status.Leader != 0 {
			return fmt.Errorf("no leader answers: it is member %d by the account of %s", r.Status.Leader, r.Endpoint)
		}
		answers = answers || r.Err == nil
	}
	if answers {
		return fmt.Errorf("no member leads: a majority has to be up and in touch")
	}
	return fmt.Errorf("no member answers: see --endpoints, and whether the members run")
}

// leaderOf finds the leader: of several that think so, the one in the newest term.
func leaderOf(reports []client.Report) *client.Status {
	var leader *client.Status
	for i := range reports {
		s := &reports[i].Status
		if reports[i].Err == nil && s.Role == "leader" && (leader == nil || s.Term > leader.Term) {
			leader = s
		}
	}
	return leader
}

// lagOf tells how far behind the leader sees a member; nil if it does not say.
func lagOf(leader *client.Status, id uint64) *client.MemberStatus {
	if leader == nil {
		return nil
	}
	for i := range leader.Members {
		if leader.Members[i].ID == id {
			return &leader.Members[i]
		}
	}
	return nil
}

func writeStatusTable(out io.Writer, reports []client.Report, leader *client.Status) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tURL\tROLE\tTERM\tLAST\tCOMMIT\tAPPLIED\tLAG\tREVISION\tKEYS")
	for _, r := range reports {
		id, lag := r.ID, "-"
		if id == 0 {
			id = r.Status.ID
		}
		if seen := lagOf(leader, id); seen != nil && seen.Lag != nil {
			lag = strconv.FormatUint(*seen.Lag, 10)
		}
		if r.Err != nil {
			name := "?"
			if id != 0 {
				name = strconv.FormatUint(id, 10)
			}
			fmt.Fprintf(table, "%s\t%s\tdown\t-\t-\t-\t-\t%s\t-\t-\n", name, r.Endpoint, lag)
			continue
		}
		s := r.Status
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%d\t%d\n", id, r.Endpoint, s.Role, s.Term, s.Last, s.Commit, s.Applied, lag, s.Rev, s.Keys)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return writeReasons(out, reports)
}

// writeReasons tells why members count as down.
func writeReasons(out io.Writer, reports []client.Report) error {
	for _, r := range reports {
		if r.Err == nil {
			continue
		}
		if _, err := fmt.Fprintf(out, "%s: %v\n", r.Endpoint, r.Err); err != nil {
			return err
		}
	}
	return nil
}

func writeStatusJSON(out io.Writer, reports []client.Report, _ *client.Status) error {
	type shownReport struct {
		ID     uint64         `json:"id"`
		URL    string         `json:"url"`
		Error  string         `json:"error,omitempty"`
		Status *client.Status `json:"status,omitempty"`
	}
	shown := []shownReport{}
	for i := range reports {
		r := &reports[i]
		entry := shownReport{ID: r.ID, URL: r.Endpoint, Status: &r.Status}
		if r.Err != nil {
			entry.Error, entry.Status = r.Err.Error(), nil
		}
		shown = append(shown, entry)
	}
	return writeJSON(out, map[string]any{"members": shown})
}
