package main

// The demo: it runs the commands of the input against a cluster, and writes their answers in the order of the lines.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed695671cb/raft"
)

type options struct {
	replicas int
	timeout  time.Duration
	verify   bool
	quiet    bool
	logger   raft.Logger
}

// demo belongs to one goroutine.
type demo struct {
	opts     options
	out      *bufio.Writer
	errs     io.Writer
	cluster  *cluster
	client   *client
	outcomes []outcome // of the lines that were run, oldest first
	failed   bool
}

// outcome is what a line comes to. That of a change is not certain before the change is made.
type outcome struct {
	line   int
	change uint64 // its number, or zero
	text   string
	err    error
}

func newDemo(opts options, stdout, stderr io.Writer) (*demo, error) {
	cluster, err := newCluster(opts.replicas, opts.logger)
	if err != nil {
		return nil, err
	}
	return &demo{
		opts: opts, out: bufio.NewWriter(stdout), errs: stderr,
		cluster: cluster, client: newClient(cluster, opts.timeout),
	}, nil
}

func (d *demo) close() {
	d.client.clock.Stop()
	d.cluster.close()
}

// run runs all lines of the input, and reports whether all succeeded. Puts and dels are begun one after the other
// without waiting for their ends; while too many are in flight, no more input is read. What reads, or changes the
// membership, waits for what came before. Faults do not: they are to hit changes in flight.
func (d *demo) run(input io.Reader) bool {
	lines := make(chan line, 256)
	go readLines(input, lines)
	for open := true; open; {
		var l line
		in := lines
		if d.client.full() && d.client.stalled() == nil {
			in = nil
		}
		select {
		case l, open = <-in:
			if open {
				d.handleLine(l)
			}
		case <-d.cluster.changed:
			d.client.handleChanged()
		case <-d.client.clock.C:
			d.client.handleTick()
		}
		d.report()
	}
	d.finish()
	return !d.failed
}

func (d *demo) finish() {
	err := d.client.drain()
	d.report()
	if d.opts.verify {
		d.verify(err)
	}
	d.out.Flush()
}

func (d *demo) handleLine(l line) {
	cmd, err := parse(l.text)
	if l.err != nil {
		err = l.err
	}
	o := outcome{line: l.number, err: err}
	if errors.Is(err, errNothing) {
		return
	}
	if err == nil {
		o.text, o.change, o.err = d.execute(cmd)
	}
	d.outcomes = append(d.outcomes, o)
}

// execute runs a command. If it returns the number of a change, the text holds once that is made.
func (d *demo) execute(cmd command) (text string, change uint64, err error) {
	switch cmd.name {
	case "put", "del":
		change, err = d.client.submit(cmd)
		return "ok", change, err
	case "crash":
		d.client.renew()
		return fmt.Sprintf("replica %d crashed", cmd.id), 0, d.cluster.crash(cmd.id)
	case "restart":
		d.client.renew()
		return fmt.Sprintf("replica %d restarted", cmd.id), 0, d.cluster.restart(cmd.id)
	case "partition":
		d.client.renew()
		return fmt.Sprintf("replica %d cut off", cmd.id), 0, d.cluster.partition(cmd.id)
	case "heal":
		d.client.renew()
		d.cluster.heal()
		return "network healed", 0, nil
	}
	stalled := d.client.drain()
	d.report()
	if cmd.name == "status" {
		return d.status(), 0, nil
	}
	if stalled != nil {
		return "", 0, stalled
	}
	text, err = d.executeInOrder(cmd)
	return text, 0, err
}

// executeInOrder runs a command that sees what all earlier ones have done.
func (d *demo) executeInOrder(cmd command) (string, error) {
	switch cmd.name {
	case "get":
		return d.client.read(func(r *replica) string { return describe(r, cmd.key) })
	case "members":
		members, err := d.members()
		return "members: " + strings.Join(members, " "), err
	case "add":
		return fmt.Sprintf("replica %d added", cmd.id), d.add(cmd)
	case "remove":
		return fmt.Sprintf("replica %d removed", cmd.id), d.remove(cmd)
	default: // transfer
		return fmt.Sprintf("replica %d leads", cmd.id), d.transfer(cmd)
	}
}

// report writes the outcomes that are certain, up to the first that is not. If the cluster has stalled, that is an
// error for all that wait; the client goes on trying to make their changes.
func (d *demo) report() {
	n := 0
	for n < len(d.outcomes) && d.settle(&d.outcomes[n]) {
		n++
	}
	if n == 0 {
		return
	}
	clear(d.outcomes[:n])
	d.outcomes = d.outcomes[n:]
	d.out.Flush()
}

// settle writes the outcome if it is certain, and reports whether it was.
func (d *demo) settle(o *outcome) bool {
	if o.err == nil && o.change > d.client.finished {
		stalled := d.client.stalled()
		if stalled == nil {
			return false
		}
		o.err = fmt.Errorf("%w (the change stays pending)", stalled)
	}
	switch {
	case o.err != nil:
		d.fail("line %d: %v", o.line, o.err)
	case o.change == 0 || !d.opts.quiet:
		fmt.Fprintln(d.out, o.text)
	}
	return true
}

// fail writes an error. Answers that were written before it are to be seen before it.
func (d *demo) fail(format string, args ...any) {
	d.failed = true
	d.out.Flush()
	fmt.Fprintf(d.errs, format+"\n", args...)
}
