/*
Package raft is an embeddable implementation of the Raft consensus algorithm. It keeps a log of commands the same on
every member of a group, as long as a majority of them can talk to one another.

The heart of the package is a deterministic state machine. Messages, ticks and requests go in; what comes out is what is
to be written, sent and applied. Storage, transport and the application's state belong to the caller, so that the same
core runs over any disk and any network, and in a test over none.

The papers are cited as Raft (Ongaro and Ousterhout, In Search of an Understandable Consensus Algorithm, extended
version) and thesis (Ongaro, Consensus: Bridging Theory and Practice).

# Two ways to drive a member

RawNode is the state machine behind a small set of methods. It is not safe for concurrent use and starts no goroutine.
Node wraps it in a lock and offers what is to be done through a channel. Both speak of the same things: everything below
holds for both.

# Starting

A Config says how a member behaves; it names the Storage that holds the member's log, hard state and snapshot.

The first members of a new group start with the same list of peers in the same order, each with an empty storage:

	storage := raft.NewMemoryStorage()
	node := raft.StartNode(&raft.Config{
		ID:              1,
		ElectionTick:    10,
		HeartbeatTick:   1,
		Storage:         storage,
		MaxSizePerMsg:   1 << 20,
		MaxInflightMsgs: 256,
	}, []raft.Peer{{ID: 1}, {ID: 2}, {ID: 3}})

A group of one is started with one peer. A member that joins an existing group starts with no peers and an empty
storage; once it has been added by a membership change, the leader sends it all it needs. A member that was stopped is
restarted by RestartNode, or NewRawNode, with the storage it had. If its application keeps what it has applied,
Config.Applied says how far that goes, and Storage.InitialState must return the membership as of then; otherwise both
begin with the snapshot in storage, or with nothing, and the committed entries after it are handed out to be applied
again. A first member that stopped before it had written anything has an empty storage, and starts with the list of
peers once more.

StartNode and RestartNode return no error: with a configuration that is not valid, or a Storage that fails, every method
of the Node returns it. NewNode takes the same arguments as StartNode and returns the error at once, which is better in
a new program; it takes peers only with an empty storage, and restarts without. With RawNode, NewRawNode takes their
place, and Bootstrap that of the list of peers.

# The Ready loop

Call Tick at regular intervals; 100 milliseconds with an ElectionTick of 10 is usual. Pass every message that arrives
from another member to Step. Handle each Ready in this order:

 1. Write Snapshot, then Entries, then HardState to storage, durably if MustSync is set. A Snapshot replaces the whole
    log; Entries may follow it. If an entry is written at an index that holds another one, that and all after it are
    to be removed. A write may be lost in a crash only with all that come after it.
 2. Send Messages. None may be sent before what step 1 wrote is durable, with one exception: a leader may send while it
    writes (thesis §10.2.1). If a MsgSnap was sent, or could not be, call ReportSnapshot. If a member cannot be reached,
    ReportUnreachable speeds up what follows.
 3. Replace the application's state by Snapshot, if there is one. Then apply CommittedEntries, in order. Give each
    EntryConfChange and EntryConfChangeV2 to ApplyConfChange, also an EntryConfChangeV2 with no data: it leaves a joint
    configuration. An EntryNormal with no data is a leader's own: pass it over.
 4. Call Advance.

ReadStates answer the application's reads once its state machine has applied their Index, and LostReads are to be asked
again. SoftState, unless it is nil, tells who leads.

The loop for a Node is then (write, send, restore and the like are the program's own):

	for {
		select {
		case <-ticker.C:
			node.Tick()
		case msg := <-received:
			if err := node.Step(ctx, msg); err != nil {
				report(err) // the message had no effect, and is no reason to stop
			}
		case rd := <-node.Ready():
			write(rd.Snapshot, rd.Entries, rd.HardState, rd.MustSync)
			send(rd.Messages) // calls ReportSnapshot and ReportUnreachable
			if !raft.IsEmptySnap(rd.Snapshot) {
				restore(rd.Snapshot)
			}
			for _, entry := range rd.CommittedEntries {
				apply(entry)
			}
			answer(rd.ReadStates) // each once its Index is applied
			askAgain(rd.LostReads)
			node.Advance()
		case <-done:
			return
		}
	}

What it applies is one of three:

	func apply(entry raftpb.Entry) {
		switch entry.Type {
		case raftpb.EntryNormal:
			if len(entry.Data) > 0 {
				execute(entry.Data)
			}
		case raftpb.EntryConfChange:
			var change raftpb.ConfChange
			must(change.Unmarshal(entry.Data))
			members = node.ApplyConfChange(change) // to be kept with snapshots
		case raftpb.EntryConfChangeV2:
			var change raftpb.ConfChangeV2
			must(change.Unmarshal(entry.Data))
			members = node.ApplyConfChange(change)
		}
	}

All methods of a Node may be called from the goroutine of this loop, Step among them, except Propose and
ProposeConfChange: they wait for a leader, and none is elected while the loop stands still.

Everything that a Ready refers to is the caller's to keep: the library never writes to it again. In return the caller
must not write to it either, nor to what it has passed to Propose, ReadIndex or Step.

# Asynchronous storage writes

With Config.AsyncStorageWrites the loop need not wait for the disk (thesis §10.2.1). Entries, HardState, Snapshot and
CommittedEntries are still set, for information, but what is to be done comes as two messages:

  - MsgStorageAppend to LocalAppendThread: write Snapshot if it is set, then Entries, then the hard state of Term,
    Vote and Commit unless all are zero. When all that is durable, deliver Responses.
  - MsgStorageApply to LocalApplyThread: apply Entries, but pass over those that a snapshot restored meanwhile stands
    for. When that is done, deliver Responses.

Each of the two threads handles its messages in the order in which they came, and each may lag behind as long as it
likes. Responses to other members are sent, and one to this member is passed to Step. All other messages in
Ready.Messages are sent at once. Advance is not called, and the next Ready does not wait.

# Proposals

Propose appends data to the log, through the leader if need be. If the proposal was not taken, its error matches
ErrProposalDropped and is a *ProposalDroppedError that says why. Nil is no promise: on a leader it says that the
proposal is in its log, which may be lost with the leader; on a follower only that it is passed on. It may be lost on
the way, or dropped by the leader, and nobody is told. What was proposed again may be committed twice: an application
that minds gives each proposal an identity (thesis §6.3).

# Membership

ProposeConfChange takes a ConfChange, which adds, removes or demotes one member, or a ConfChangeV2, which changes any
number, through a joint configuration if need be (Raft §6, thesis §4.3). A change takes effect when it is applied. One
at a time is let into the log: until it is applied, another is refused. ConfChangeV2.Transition says whether a joint
configuration is left by itself (the default) or when the application proposes an empty ConfChangeV2.

An ID must never be used again for another member. A removed member may come back under its ID with the storage it had;
one that has lost its storage has also forgotten whom it voted for, and comes back under a new ID.

A learner receives the log and does not vote. A removed leader leads on without counting itself, unless
StepDownOnRemoval is set. To reject a change that is already committed, apply it with every NodeID set to zero, on every
member alike.

# Reads

ReadIndex finds an index such that a read is linearizable once the state machine has applied it (thesis §6.4). By
default a round of heartbeats confirms that the leader still leads; ReadOnlyLeaseBased does without, where clocks can
be relied upon. ReadOnlySafeWithLease leaves the choice to each read: ReadIndex asks a quorum, LeaseRead the leader's lease. Any
member may be asked. Reads that can no longer be answered are reported in Ready.LostReads with the
reason.

# Messages

What travels between members, or between a member and its storage threads, is a raftpb.Message. The fields named are
those that have a meaning for the type, beside Type, From, To and Term. (Log stands for the pair of LogTerm and Index.)

Elections (Raft §5.2, §5.4.1; pre-vote thesis §9.6):

  - MsgVote asks for a vote in Term. Log is the candidate's last entry, (RejectHint, Commit) the term and index of the
    last one it knows to be committed. Context marks a campaign that the leader asked for.
  - MsgVoteResp answers it; Reject refuses. A refusal also names the sender's last committed entry.
  - MsgPreVote asks whether a vote would be given in Term, which is one above the sender's. Fields as in MsgVote.
  - MsgPreVoteResp answers it. A grant bears the Term asked for, a refusal the sender's own.
  - MsgTimeoutNow has the receiver campaign at once, as the target of a transfer. Log is the end of the leader's log.

Replication (Raft §5.3, §7):

  - MsgApp carries Entries that follow Log, and the leader's Commit index.
  - MsgAppResp acknowledges the log up to Index; or, with Reject, says that the entry at Index does not match, and
    names in (LogTerm, RejectHint) the last entry that may. A leader of a lower Term learns from it that it has been
    replaced.
  - MsgSnap carries a Snapshot in place of entries that have been compacted. It is answered by MsgAppResp.
  - MsgHeartbeat says that the leader is alive. Commit is what the receiver may commit; Context names a round.
  - MsgHeartbeatResp answers it with the same Context.

Requests, which a follower passes to the leader. MsgProp and MsgReadIndex bear no term, since any leader may serve
them; Step refuses them with one.

  - MsgProp carries proposals in Entries.
  - MsgReadIndex asks for a read index. The data of its one entry identifies the request.
  - MsgReadIndexResp answers it with Index and the same entry; or, with Reject and without entries, refuses the request
    that Context identifies.
  - MsgTransferLeader asks for leadership to be handed to From.
  - MsgForgetLeader has a follower forget its leader. Only ForgetLeader makes one.

Storage threads (thesis §10.2.1):

  - MsgStorageAppend, to LocalAppendThread: write Snapshot, Entries and (Term, Vote, Commit), then deliver Responses.
  - MsgStorageAppendResp acknowledges it. Term and Vote are those written, Log the last entry, Snapshot the metadata.
  - MsgStorageApply, to LocalApplyThread: apply Entries, then deliver Responses.
  - MsgStorageApplyResp acknowledges it with the same Entries.

MsgHup, MsgBeat, MsgCheckQuorum, MsgUnreachable and MsgSnapStatus have numbers in the wire format but do not travel:
Campaign, Tick, ReportUnreachable and ReportSnapshot stand for them. Step refuses them with ErrStepLocalMsg.

# Errors and panics

Nothing that arrives from another member makes the library panic: Step refuses what is malformed, or what no member
that follows the protocol can have sent, with an error that matches ErrInvalidMessage. A panic means a bug in this
package, or a Storage that broke its contract; its text names the values at fault.

# Determinism

The same Config, the same state of Storage, and the same calls give the same output, bit for bit. Randomness comes from
Config.Rand, time from Tick, and nothing else enters. That is RawNode; how a Node's calls are interleaved, and when it
takes a Ready, is up to the scheduler and the load.
*/
package raft
