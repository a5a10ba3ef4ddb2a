package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed695671cb/raft/examples/kvstore/demo"
)

const demoUsage = `demo

Runs a cluster on this machine, each member a process of its own, until it is interrupted. It writes a key and reads it back, and
serves a dashboard in which members can be killed, paused and cut off. A directory that is given with --data can be used again: it
keeps its members and their ports.

  kvstore demo
  kvstore demo --members 5 --port 9400
  kvstore demo --data ~/kvstore-demo
  kvstore demo --once                    shows that it works, and ends
`

// demoCommand is `kvstore demo`: a cluster of processes on this machine, until it is interrupted.
func demoCommand(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	config := demo.Config{Out: stdout}
	flags := newCommandLine("demo", demoUsage)
	flags.IntVar(&config.Members, "members", 3, "how many `members` to start, 1 to 9")
	flags.IntVar(&config.Port, "port", 8400, "`port` of the controls on 127.0.0.1; member N listens on that plus N; 0 picks free ones")
	flags.StringVar(&config.Dir, "data", "", "`directory` for the data, kept at the end (default: a temporary one, removed at the end)")
	flags.BoolVar(&config.Keep, "keep", false, "keep the temporary directory")
	flags.BoolVar(&config.Once, "once", false, "end after the first write and read, with status 0 if they worked")
	if _, err := flags.parse(args, 0, 0, stdout); err != nil {
		return err
	}
	config.AnyMembers, config.AnyPort = !flags.given("members"), !flags.given("port")
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := demo.Run(ctx, config)
	if errors.Is(err, demo.ErrFlags) {
		return usagef("demo: %v; kvstore help demo lists the flags", err)
	}
	return err
}
