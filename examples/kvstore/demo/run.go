package demo

// The demo from its beginning to its end.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// defaultStartTimeout bounds how long the members may take until they serve, and the first write and read.
const defaultStartTimeout = time.Minute

// Config says what to run.
type Config struct {
	Members int // how many at first: 1 to 9
	Port    int // that of the controls; member N listens on Port+N. 0 picks free ones
	// AnyMembers and AnyPort say that Members and Port are for a directory that is new: one that was used before keeps its own.
	AnyMembers, AnyPort bool
	// StartTimeout bounds the start, up to the first write and read; 0 is a minute.
	StartTimeout time.Duration
	Dir          string // where data goes; "" makes a temporary directory, which is removed at the end
	Keep         bool   // keeps a temporary directory
	Once         bool   // ends after the first write and read
	Program      string // the executable, which is run with "serve" and its flags; "" is the running one
	Env          []string
	Out          io.Writer // where the demo says what it does
}

// Validate reports what is wrong with a configuration.
func (c Config) Validate() error {
	if c.Members < 1 || c.Members > maxMembers {
		return fmt.Errorf("%w: %d members: choose 1 to %d with --members", ErrFlags, c.Members, maxMembers)
	}
	if c.Port < 0 || c.Port+maxMembers > 65535 {
		return fmt.Errorf("%w: port %d: choose 0 to %d with --port, the members take those above it", ErrFlags, c.Port, 65535-maxMembers)
	}
	return nil
}

// Run brings the cluster up, shows that it works, and serves the controls until the context ends, which is no error. It
// returns when no process and nothing that it listened on is left.
func Run(ctx context.Context, config Config) (err error) {
	if err := config.Validate(); err != nil {
		return err
	}
	config, remove, err := prepare(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	stored, err := loadLayout(config.Dir)
	if err != nil {
		return err
	}
	control := net.JoinHostPort("127.0.0.1", strconv.Itoa(config.Port))
	if stored != nil {
		control = stored.Control
		if err := stored.contradicts(config); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", control)
	if err != nil {
		return portError(control, config, stored, err)
	}
	defer listener.Close()
	c, err := newCluster(config, listener.Addr().String(), stored)
	if err != nil {
		return err
	}
	defer c.stop()
	if err := c.startAll(); err != nil {
		return err
	}
	server := &http.Server{
		Handler:           newControls(c),
		ReadHeaderTimeout: requestTimeout,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		<-served
	}()
	err = c.show(ctx)
	if err != nil && ctx.Err() != nil {
		return nil // it was ended while it was starting
	}
	if err != nil || config.Once {
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(c.out, "\nStopping the members.")
	return nil
}

// prepare fills in the program and the directory, and returns what removes the latter, if it is to be removed.
func prepare(config Config) (Config, func() error, error) {
	keep := func() error { return nil }
	if config.Program == "" {
		program, err := os.Executable()
		if err != nil {
			return config, nil, fmt.Errorf("finding the executable to run: %w", err)
		}
		config.Program = program
	}
	if config.Dir != "" {
		dir, err := filepath.Abs(config.Dir)
		if err != nil {
			return config, nil, err
		}
		config.Dir = dir
		return config, keep, os.MkdirAll(dir, 0o755)
	}
	dir, err := os.MkdirTemp("", "kvstore-demo-")
	if err != nil {
		return config, nil, fmt.Errorf("making a directory for the data: %w", err)
	}
	config.Dir = dir
	if config.Keep {
		return config, keep, nil
	}
	return config, func() error { return os.RemoveAll(dir) }, nil
}

// show waits for a leader, writes and reads, and tells the person how to go on.
func (c *cluster) show(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.config.StartTimeout, defaultStartTimeout))
	defer cancel()
	fmt.Fprintf(c.out, "Starting %d members, each a process of its own, data in %s\n", len(c.all()), c.config.Dir)
	lead, err := c.awaitLeader(ctx)
	if err != nil {
		return err
	}
	for _, m := range c.statuses() {
		role := "follower"
		switch {
		case m.ID == lead.Leader:
			role = "leader"
		case !lead.has(m.ID):
			role = "not in the cluster"
		}
		fmt.Fprintf(c.out, "  member %d  %s  process %-7d  %s\n", m.ID, m.URL, m.PID, role)
	}
	if err := c.writeAndRead(ctx, lead); err != nil {
		return err
	}
	if c.config.Once {
		return nil
	}
	fmt.Fprintf(c.out, `
Dashboard: %s/
           (every member serves it; in it you can kill, pause and partition them)
Try:       curl -X PUT --data world %[1]s/kv/hello; curl %[1]s/kv/hello
Logs:      %s
Ctrl-C ends all of it.
`, c.all()[0].url(), c.logs())
	return nil
}

// writeAndRead shows that a follower takes writes and that the leader has them.
func (c *cluster) writeAndRead(ctx context.Context, lead *account) error {
	const key, value = "demo/greeting", "hello from a majority of disks"
	const path = "/kv/demo%2Fgreeting"
	var writer, reader *member
	for _, m := range c.all() {
		if m.id == lead.Leader {
			reader = m
		} else if writer == nil && lead.has(m.id) {
			writer = m
		}
	}
	role := "a follower"
	if writer == nil {
		writer, role = reader, "the leader"
	}
	if _, err := insist(ctx, http.MethodPut, writer.url()+path, []byte(value)); err != nil {
		return fmt.Errorf("writing a key through member %d, whose log is %s: %w", writer.id, c.logFile(writer), err)
	}
	fmt.Fprintf(c.out, "Wrote %s through member %d, %s.\n", key, writer.id, role)
	got, err := insist(ctx, http.MethodGet, reader.url()+path, nil)
	if err != nil {
		return fmt.Errorf("reading a key through member %d, whose log is %s: %w", reader.id, c.logFile(reader), err)
	}
	if string(got) != value {
		return fmt.Errorf("member %d answers %q for %s, and %q was written", reader.id, got, key, value)
	}
	fmt.Fprintf(c.out, "Read %s through member %d, the leader: %q.\n", key, reader.id, got)
	return nil
}
