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

	"github.com/seed695671cb/raft/examples/kvstore/demo"
)

// demoCommand is `kvstore demo`: a cluster of processes on this machine, until it is interrupted.
func demoCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	config := demo.Config{Out: stdout}
	flags := flag.NewFlagSet("kvstore demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&config.Members, "members", 3, "how many members to start, 1 to 9")
	flags.IntVar(&config.Port, "port", 8400, "`port` of the controls on 127.0.0.1; member N listens on that plus N; 0 picks free ones")
	flags.StringVar(&config.Dir, "data", "", "`directory` for the data, kept at the end (default: a temporary one, removed at the end)")
	flags.BoolVar(&config.Keep, "keep", false, "keep the temporary directory")
	flags.BoolVar(&config.Once, "once", false, "end after the first write and read, with status 0 if they worked")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("demo takes no arguments, only flags: %q is not one", flags.Arg(0))
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return demo.Run(ctx, config)
}
