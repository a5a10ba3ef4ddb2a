// Kvstore is a replicated key-value store on the raft library: a member of the cluster, a demo of a whole cluster, and
// the client, in one program. README.md says how to run it, API.md what it speaks.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// The exit codes.
const (
	exitOK           = 0
	exitFailed       = 1
	exitUsage        = 2
	exitNotFound     = 3
	exitPrecondition = 4
)

// command is an entry of the table of commands.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

// commands is the table, in the order in which help lists it.
func commands() []command {
	return []command{
		{"demo", "run a cluster of three members on this machine, with a dashboard", demoCommand},
		{"serve", "run one member", serveCommand},
		{"put", "set a key", putCommand},
		{"get", "read a key", getCommand},
		{"del", "delete a key", delCommand},
		{"list", "list keys in their order", listCommand},
		{"watch", "follow changes as they happen", watchCommand},
		{"txn", "compare and change several keys in one step", txnCommand},
		{"status", "show every member: role, term, log, lag", statusCommand},
		{"members", "list, add, promote and remove members", membersCommand},
		{"transfer", "hand leadership to a member", transferCommand},
		{"snapshot", "compact the logs of the members now", snapshotCommand},
		{"bench", "put load on the cluster, measure it, verify what was written", benchCommand},
		{"help", "explain a command", helpCommand},
		{"version", "print the version", versionCommand},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	leading, rest, err := leadingFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		writeOverview(stdout)
		return exitOK
	}
	if err != nil {
		return report(stderr, err)
	}
	if len(rest) == 0 {
		writeOverview(stderr)
		return exitUsage
	}
	chosen, err := findCommand(rest[0])
	if err != nil {
		return report(stderr, err)
	}
	err = chosen.run(ctx, append(leading, rest[1:]...), stdin, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	return report(stderr, err)
}

func findCommand(name string) (command, error) {
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return command{}, usagef("unknown command %q%s; kvstore help lists the commands", name, didYouMean(name, names, ""))
}

// report writes an error, and gives the exit code for it.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var told *toldError
	if !errors.As(err, &told) {
		fmt.Fprintf(stderr, "kvstore: %v\n", err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, client.ErrNotFound):
		return exitNotFound
	case errors.Is(err, client.ErrPrecondition):
		return exitPrecondition
	default:
		return exitFailed
	}
}
