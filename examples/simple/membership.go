package main

// Changing who is a member (Raft §6), and who leads (thesis §3.10).

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// members lists the members. It is a linearizable read.
func (d *demo) members() ([]string, error) {
	text, err := d.client.read(func(r *replica) string {
		return strings.Trim(fmt.Sprint(r.members.Voters), "[]")
	})
	return strings.Fields(text), err
}

// change makes a membership change, and waits for it.
func (d *demo) change(cmd command) error {
	if _, err := d.client.submit(cmd); err != nil {
		return err
	}
	return d.client.drain()
}

// add makes a new machine a member. It is started first: it may be needed for the new majority at once. The leader
// sends it a snapshot, and the log from there.
func (d *demo) add(cmd command) error {
	members, err := d.members()
	if err != nil {
		return err
	}
	if slices.Contains(members, strconv.FormatUint(cmd.id, 10)) {
		return fmt.Errorf("replica %d is a member already", cmd.id)
	}
	d.cluster.discard(cmd.id) // left over from a remove that took too long
	if err := d.cluster.install(cmd.id, nil); err != nil {
		return err
	}
	return d.change(cmd)
}

// remove ends a membership, and then discards the machine. The others have to know first that it is no member: they
// need its vote as long as they count it, and if it led, it may be the only one who knows that they need not.
func (d *demo) remove(cmd command) error {
	members, err := d.members()
	if err != nil {
		return err
	}
	member := slices.Contains(members, strconv.FormatUint(cmd.id, 10))
	switch {
	case member && len(members) == 1:
		return fmt.Errorf("replica %d is the last member: add another one first", cmd.id)
	case member:
		if err := d.change(cmd); err != nil {
			return err
		}
	case !d.cluster.exists(cmd.id):
		return errNoReplica(cmd.id)
	}
	err = d.client.await(func() bool { return d.cluster.caughtUp(d.client.finished, cmd.id) })
	if err != nil {
		return err
	}
	d.cluster.discard(cmd.id)
	return nil
}

// transfer has the replica take over from the leader.
func (d *demo) transfer(cmd command) error {
	if _, err := d.cluster.running(cmd.id); err != nil {
		return err
	}
	if d.cluster.net.isCut(cmd.id) {
		return fmt.Errorf("replica %d is cut off: heal the network first", cmd.id)
	}
	return d.client.transfer(cmd.id)
}
