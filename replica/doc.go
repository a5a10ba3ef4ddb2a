// Package replica runs members of Raft groups: the loop around raft.RawNode that every program needs, with its log store,
// its transport and its state machine behind small interfaces.
//
// A Host is what one process has one of: a log store, a transport, a clock, and goroutines. Start runs a Replica on it,
// the host's member of one group; Run does both for a process with one group. Ten thousand groups on a host share its
// goroutines, its ticks, its synced writes and the messages between two hosts.
//
//	r, err := replica.Run(
//		replica.HostConfig{ID: 1, Store: store, Transport: transport},
//		replica.Config{StateMachine: machine, Peers: []replica.Member{{ID: 1, Address: "..."}, ...}})
//	result, err := r.Propose(ctx, command)    // committed, applied here; the state machine's result
//	_, err = r.Read(ctx, replica.Linearizable) // then read the state machine
//
// # What a proposal's answer means
//
// A result says that the command is committed, which is to say durable on a majority's disks, and applied on this member. An
// error that matches ErrNotApplied says that it was not and will not be applied. Any other error leaves the outcome
// unknown: the command may be applied, now or later. A Session retries in such cases and has the command applied exactly
// once (thesis §6.3).
//
// # How it works
//
// A replica is stepped by one of the host's workers at a time, when there is something for it: messages, proposals, reads, a
// tick on which something is due. What its Ready wants written goes to the host's one appending goroutine, which writes for
// all replicas that wait in one synced write, and then sends what rests on it; what it wants applied goes to the host's
// applying workers, for one replica at a time and in order. Nothing in the loop waits for disk or network (thesis §10.2.1).
//
// Every queue is bounded. What a caller brings in excess of a bound is refused with a *BusyError that names the queue;
// messages of other members are dropped, as a network would.
//
// # Failures
//
// If the log store fails, the host cannot tell what is durable: its replicas stop, Done is closed and Err says why. If a state machine
// fails, by an error or by a panic, or OnEvent panics, or the consensus of one group finds that it cannot go on, that replica stops,
// and others go on. What has failed is not used again. Start such replicas again from what is on disk, with a new
// StateMachine, or replace the member if that is lost: under a new ID.
//
// # Sources
//
// The loop follows thesis §10.2.1 (writing to disk in parallel) and §10.2.2 (batching, pipelining); sessions §6.3, reads
// §6.4, snapshots §5, membership changes §4, leadership transfer §3.10.
package replica
