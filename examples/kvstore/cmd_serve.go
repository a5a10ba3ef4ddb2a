package main

// kvstore serve: one member of a cluster, until it is told to stop or its disk fails.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/dashboard"
	"github.com/seed695671cb/raft/examples/kvstore/server"
)

const serveUsage = `serve --id N --listen HOST:PORT --data DIR --peers 1=URL,2=URL,3=URL | --join

Runs one member until it is told to stop, by SIGINT or SIGTERM, or its disk fails. SIGHUP makes it read the tokens again. The same
command starts it again: --peers counts only as long as nothing is stored. Without a certificate it listens on loopback only.

  kvstore serve --id 1 --listen 127.0.0.1:8401 --data data/1 \
      --peers 1=http://127.0.0.1:8401,2=http://127.0.0.1:8402,3=http://127.0.0.1:8403
  kvstore serve --id 4 --listen 127.0.0.1:8404 --data data/4 --join      after kvstore members add 4 http://127.0.0.1:8404
`

// stopTimeout bounds how long a member takes to stop when it is asked to.
const stopTimeout = 20 * time.Second

// serveFlags are the flags of serve as they are given.
type serveFlags struct {
	options   server.Options
	peers     string
	logLevel  string
	logFormat string
}

// serveCommand is `kvstore serve`. It returns nil after SIGINT or SIGTERM, and an error if the member cannot be started or has
// failed. SIGHUP has it read the tokens again.
func serveCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	options, err := parseServe(args, stdout, stderr)
	if err != nil {
		return err
	}
	options.Dashboard = dashboard.Handler()
	// The signals count from the beginning, so that a member that is stopped while it starts stops in order.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	member, err := server.New(options)
	if errors.Is(err, server.ErrOptions) {
		return usagef("serve: %v; kvstore help serve explains the flags", err)
	}
	if err != nil {
		return fmt.Errorf("member %d does not start: %w", options.ID, err)
	}
	fmt.Fprintf(stdout, "member %d of cluster %s serves %s\n", options.ID, options.Cluster, member.URL())
	if !options.TLS.Enabled() {
		fmt.Fprintln(stdout, "there is no certificate, so it listens on loopback only: --tls-cert, --tls-key and --tls-ca give it one")
	}
	return serveUntilDone(ctx, stop, member, options.Logger)
}

// serveUntilDone serves until ctx ends or the member fails. A second signal ends the process at once.
func serveUntilDone(ctx context.Context, stop func(), member *server.Server, logger *slog.Logger) error {
	served := make(chan error, 1)
	go func() { served <- member.Serve() }()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	for {
		select {
		case err := <-served:
			return err
		case <-reload:
			if err := member.Reload(); err != nil {
				logger.Error("the tokens stay as they were", "error", err)
			}
		case <-ctx.Done():
			stop()
			logger.Info("stopping")
			deadline, cancel := context.WithTimeout(context.Background(), stopTimeout)
			defer cancel()
			return member.Shutdown(deadline)
		}
	}
}

// parseServe reads the flags.
func parseServe(args []string, stdout, stderr io.Writer) (server.Options, error) {
	var f serveFlags
	line := newCommandLine("serve", serveUsage)
	f.define(line.FlagSet)
	if _, err := line.parse(args, 0, 0, stdout); err != nil {
		return server.Options{}, err
	}
	if err := f.checkGiven(); err != nil {
		return server.Options{}, err
	}
	peers, err := server.ParsePeers(f.peers)
	if err != nil {
		return server.Options{}, usagef("serve: --peers: %v", err)
	}
	f.options.Peers = peers
	f.options.Logger, err = newLogger(stderr, f.logLevel, f.logFormat)
	return f.options, err
}

// checkGiven says which flags are missing that a member cannot do without.
func (f *serveFlags) checkGiven() error {
	var names []string
	if f.options.ID == 0 {
		names = append(names, "--id")
	}
	if f.options.Listen == "" {
		names = append(names, "--listen")
	}
	if f.options.Dir == "" {
		names = append(names, "--data")
	}
	if f.peers == "" && !f.options.Join {
		names = append(names, "--peers (or --join)")
	}
	if len(names) == 0 {
		return nil
	}
	return usagef("%s; kvstore help serve explains the flags", missing("serve", names))
}

func (f *serveFlags) define(flags *flag.FlagSet) {
	o := &f.options
	flags.Uint64Var(&o.ID, "id", 0, "the member's `number`, from 1 on, never used again by another member")
	flags.StringVar(&o.Listen, "listen", "", "`host:port` to listen on; a loopback address unless there is a certificate")
	flags.StringVar(&o.URL, "url", "", "`URL` at which clients and members reach this one (default: http(s):// and --listen)")
	flags.StringVar(&f.peers, "peers", "", "the members that begin the cluster, this one included: `1=URL,2=URL,3=URL`")
	flags.BoolVar(&o.Join, "join", false, "wait to be added to a cluster that exists, with kvstore members add; --peers then says where its members are")
	flags.StringVar(&o.Dir, "data", "", "`directory` that holds everything, made if it is not there")
	flags.StringVar(&o.Cluster, "cluster", "kvstore", "the cluster's `name`; members of different ones refuse each other")
	flags.StringVar(&o.TLS.Cert, "tls-cert", "", "`file` with the certificate, for clients and members, in PEM")
	flags.StringVar(&o.TLS.Key, "tls-key", "", "`file` with its key")
	flags.StringVar(&o.TLS.CA, "tls-ca", "", "`file` with the authorities that sign the members' certificates")
	flags.StringVar(&o.Tokens, "tokens", "", "`file` with lines of TOKEN NAME read|write|admin; without it everybody may do everything;\nneeds a certificate, or --open-peers")
	flags.BoolVar(&o.OpenPeers, "open-peers", false, "with --tokens and without a certificate: accept that every process on this machine can act as a member,\nand so write without a token")
	flags.StringVar(&o.PeerProxy, "peer-proxy", "", "`URL` of a proxy through which the other members are reached, for tests")
	flags.StringVar(&o.FaultFile, "fault-file", "", "`file` that makes the disk fail on command, for tests")
	flags.StringVar(&o.Demo, "demo", "", "`URL` of the demo's controls, for the dashboard")
	flags.Uint64Var(&o.TrailingEntries, "trailing-entries", 0, "keep so many applied `entries` for members that are behind (default 10000)")
	flags.Uint64Var(&o.SnapshotEntries, "snapshot-entries", 0, "compact the log after so many `entries` (default 100000)")
	flags.Uint64Var(&o.SnapshotBytes, "snapshot-bytes", 0, "compact the log after so many `bytes` of entries (default 67108864)")
	flags.DurationVar(&o.Tick, "tick", 100*time.Millisecond, "the unit of time: an election takes 10 to 20; the same on all members")
	flags.StringVar(&f.logLevel, "log-level", "info", "`level` of what is logged to standard error: debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "text", "`format` of that: text or json")
}

func newLogger(out io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("serve: --log-level is %q: use debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(out, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, options)), nil
	default:
		return nil, usagef("serve: --log-format is %q: use text or json", format)
	}
}
