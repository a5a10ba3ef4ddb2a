package replica

import (
	"errors"
	"fmt"
	"sync"

	"github.com/seed695671cb/raft/confchange"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Applying committed entries to the state machine (Raft §5.3): in order, by one goroutine at a time, while the replica is
// stepped on.

// applying is what belongs to the goroutine that applies a replica's entries.
type applying struct {
	job   applyingJob
	queue applyQueue

	machine StateMachine
	// durable is the state machine if it keeps its state by itself, otherwise nil.
	durable DurableStateMachine
	// condenser is the state machine if its results are condensed, otherwise nil.
	condenser Condenser

	// What the state machine has: everything up to index, which was in that term.
	index, term uint64
	confState   pb.ConfState
	members     memberTable
	sessions    *sessionTable
	// introduced are the members that the transport knows for this group; joined is set when this one was among those applied.
	introduced []Member
	joined     bool
	// changes are the numbers of membership changes that are applied and not answered.
	changes []uint64
	// confChanged is set when the membership's records are to be stored.
	confChanged bool

	run runOfEntries
	// entries and bytes were applied since the log was last compacted.
	entries, bytes uint64
	// ended is closed after the last job.
	ended chan struct{}
}

// An applyJob is one thing to do for the applying goroutine.
type applyJob struct {
	// entries are to be applied, and then responses to be delivered.
	entries   []pb.Entry
	responses []pb.Message
	// restore, unless nil, is the snapshot that replaces the state.
	restore *pb.SnapshotMetadata
	// capture has a view captured, for followers that need a snapshot.
	capture bool
	// compact, unless nil, has the log compacted now, and is told the outcome.
	compact chan<- outcome
}

// errStopping ends a job that cannot be finished because the replica stops: nothing more is applied or stored.
var errStopping = errors.New("the replica stops")

type applyQueue struct {
	mu      sync.Mutex
	waiting []applyJob
	spare   []applyJob
}

type applyingJob struct {
	r     *Replica
	state jobState
}

func (j *applyingJob) run(*outbox)         { j.r.applyAll() }
func (j *applyingJob) schedule() *jobState { return &j.state }

func (a *applying) init(r *Replica) {
	a.job.r = r
	a.machine = r.config.StateMachine
	a.durable, _ = a.machine.(DurableStateMachine)
	a.condenser, _ = a.machine.(Condenser)
	a.sessions = newSessionTable()
	a.ended = make(chan struct{})
}

// apply adds a job.
func (r *Replica) apply(j applyJob) {
	q := &r.applying.queue
	q.mu.Lock()
	q.waiting = append(q.waiting, j)
	q.mu.Unlock()
	r.host.applies.add(&r.applying.job)
}

func (q *applyQueue) take() []applyJob {
	q.mu.Lock()
	defer q.mu.Unlock()
	jobs := q.waiting
	q.waiting, q.spare = q.spare[:0], nil
	return jobs
}

func (q *applyQueue) giveBack(jobs []applyJob) {
	jobs = emptied(jobs)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = jobs
}

// applyAll does the jobs that wait.
func (r *Replica) applyAll() {
	jobs := r.applying.queue.take()
	for i := range jobs {
		if r.stopping() {
			break
		}
		if err := r.do(&jobs[i]); err != nil {
			if !errors.Is(err, errStopping) {
				r.fail(err)
			}
			break
		}
	}
	r.applying.queue.giveBack(jobs)
	if r.stopping() {
		closeOnce(r.applying.ended)
	}
}

// do does a job. A panic of the state machine is an error like those that it returns.
func (r *Replica) do(j *applyJob) (err error) {
	defer contain("applying", &err)
	switch {
	case j.restore != nil:
		return r.restore(j.restore)
	case j.capture:
		return r.capture()
	case j.compact != nil:
		return r.compactNow(j.compact)
	}
	before := r.applying.index
	if err := r.applyEntries(j.entries); err != nil {
		return err
	}
	// The consensus is told first. Who is answered may at once ask for what it would refuse before: another membership change.
	r.acknowledge(j.responses)
	if r.applying.index > before {
		r.publish()
	}
	return r.maybeCompact()
}

// runOfEntries is what is applied to the state machine in one go.
type runOfEntries struct {
	commands []Command
	// slots say what each command's result is for.
	slots []slot
	// settled are outcomes that are known when the run is committed.
	settled []settlement
}

type slot struct {
	mine         bool
	number       uint64
	session, seq uint64
}

type settlement struct {
	number  uint64
	outcome outcome
}

// applyEntries applies committed entries, but those that a snapshot stands for.
func (r *Replica) applyEntries(entries []pb.Entry) error {
	a := &r.applying
	before, bytes := a.index, a.bytes
	for i := range entries {
		e := &entries[i]
		if e.Index <= a.index {
			continue
		}
		if e.Index != a.index+1 {
			return fmt.Errorf("entry %d is to be applied after entry %d: this is a bug of package replica, or of the log store",
				e.Index, a.index)
		}
		if err := r.applyEntry(e); err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
		a.index, a.term = e.Index, e.Term
		a.bytes += uint64(len(e.Data))
	}
	if a.index == before {
		return nil
	}
	a.entries += a.index - before
	r.trail.note(a.index, a.bytes-bytes, r.config.TrailingBytes)
	if err := r.applyRun(); err != nil {
		return err
	}
	return r.commit(nil)
}

func (r *Replica) applyEntry(e *pb.Entry) error {
	switch {
	case e.Type == pb.EntryConfChange || e.Type == pb.EntryConfChangeV2:
		return r.applyChange(e)
	case len(e.Data) == 0:
		return nil // a new leader's
	}
	env, err := decodeEnvelope(e.Data)
	if err != nil {
		return fmt.Errorf("was not proposed by package replica: %w", err)
	}
	return r.applyEnvelope(e.Index, &env)
}

func (r *Replica) applyEnvelope(index uint64, env *envelope) error {
	a := &r.applying
	mine := env.life == r.life
	switch env.kind {
	case kindCommand:
		a.run.add(index, env.command, slot{mine: mine, number: env.number})
	case kindSessionCommand:
		return r.applySessionCommand(index, env, mine)
	case kindOpenSession:
		a.sessions.open(index, env.maxSessions)
		a.run.settle(mine, env.number, outcome{result: Result{Index: index}})
	case kindCloseSession:
		if err := r.applyRun(); err != nil { // its commands' results are still to be recorded
			return err
		}
		a.sessions.close(env.session)
		a.run.settle(mine, env.number, outcome{result: Result{Index: index}})
	}
	return nil
}

// applySessionCommand has a command applied unless that was done before.
func (r *Replica) applySessionCommand(index uint64, env *envelope, mine bool) error {
	a := &r.applying
	verdict, result := a.sessions.use(index, env.session, env.seq, env.low)
	switch verdict {
	case commandNew:
		a.run.add(index, env.command, slot{mine: mine, number: env.number, session: env.session, seq: env.seq})
	case commandPending:
		if err := r.applyRun(); err != nil {
			return err
		}
		return r.applySessionCommand(index, env, mine)
	case commandDone:
		a.run.settle(mine, env.number, outcome{result: Result{Index: result.index, Data: result.data}})
	case commandForgotten:
		a.run.settle(mine, env.number, outcome{err: unknown{fmt.Errorf("its result was forgotten")}})
	case commandRefused:
		a.run.settle(mine, env.number, outcome{err: &BusyError{Queue: "commands of a session", Bound: maxInFlight}})
	case sessionUnknown:
		a.run.settle(mine, env.number, outcome{err: unknown{fmt.Errorf("session %d: %w: open another", env.session, ErrSessionExpired)}})
	}
	return nil
}

func (u *runOfEntries) add(index uint64, command []byte, s slot) {
	u.commands = append(u.commands, Command{Index: index, Data: command})
	u.slots = append(u.slots, s)
}

func (u *runOfEntries) settle(mine bool, number uint64, o outcome) {
	if mine {
		u.settled = append(u.settled, settlement{number: number, outcome: o})
	}
}

// applyRun has the state machine apply the commands that were collected, and takes their results.
func (r *Replica) applyRun() error {
	a := &r.applying
	u := &a.run
	if len(u.commands) == 0 {
		return nil
	}
	for done := 0; done < len(u.commands); {
		results, err := a.machine.Apply(u.commands[done:])
		if err != nil {
			return fmt.Errorf("the state machine has failed: %w", err)
		}
		if n := len(u.commands) - done; len(results) == 0 || len(results) > n {
			return fmt.Errorf("the state machine returned %d results for %d commands: it has to return one for each, or those of the first ones",
				len(results), n)
		}
		for i, result := range results {
			a.take(u.slots[done+i], u.commands[done+i].Index, result)
		}
		done += len(results)
	}
	u.commands, u.slots = emptied(u.commands), emptied(u.slots)
	return nil
}

// take keeps a result for its session and for whoever waits for it here, and nothing else of it.
func (a *applying) take(s slot, index uint64, result []byte) {
	a.run.settle(s.mine, s.number, outcome{result: Result{Index: index, Data: result}})
	if s.session == 0 {
		return
	}
	if a.condenser != nil {
		result = a.condenser.Condense(result)
	}
	a.sessions.record(s.session, s.seq, result)
}

// commit has a durable state machine store what it has done, with the replica's own records: those given, or what has
// changed.
func (r *Replica) commit(records []Record) error {
	a := &r.applying
	if a.durable == nil {
		return nil
	}
	if records == nil {
		records = a.sessions.changes()
		if a.confChanged {
			records = append(records, a.members.record(), confStateRecord(a.confState))
		}
	}
	if err := a.durable.Commit(a.index, records); err != nil {
		return fmt.Errorf("the state machine could not store what it applied: %w", err)
	}
	a.confChanged = false
	return nil
}

// publish tells those who wait what is applied.
func (r *Replica) publish() {
	a := &r.applying
	r.applied.Store(a.index)
	r.sessions.Store(int64(a.sessions.len()))
	for i := range a.run.settled {
		r.waiting.settle(a.run.settled[i].number, a.run.settled[i].outcome)
	}
	a.run.settled = emptied(a.run.settled)
	r.waiting.applied(a.index, a.term)
}

// applyChange makes a membership change effective.
func (r *Replica) applyChange(e *pb.Entry) error {
	a := &r.applying
	change, err := decodeChange(e)
	if err != nil {
		return err
	}
	context, err := decodeChangeContext(change.Context)
	if err != nil {
		return err
	}
	before := a.confState
	after, err := changed(before, change)
	if err != nil {
		return err
	}
	if !r.call(r.ctx, func() { r.stepping.rn.ApplyConfChange(change) }) {
		return errStopping
	}
	a.confState = after
	a.members.set(context.addresses...)
	for _, id := range memberIDs(before) {
		if !isMember(a.confState, id) {
			a.members.remove(id)
		}
	}
	a.members.retain(a.confState)
	a.confChanged = true
	r.membersChanged()
	if context.life == r.life {
		a.changes = append(a.changes, context.number)
	}
	r.settleChanges(e.Index)
	r.events.emit(MembersChanged{Members: r.memberList()})
	return nil
}

// changed returns the membership that follows from one by a change. It is not asked of the RawNode: that may have taken in a
// snapshot with the membership of a later index. A change that is not possible changes nothing, there as here.
func changed(before pb.ConfState, change pb.ConfChangeV2) (after pb.ConfState, err error) {
	members, err := tracker.NewMembership(before)
	if err != nil {
		return before, fmt.Errorf("the membership before it is damaged: %w", err)
	}
	if next, err := confchange.Apply(members, change); err == nil {
		members = next
	}
	return members.ConfState(), nil
}

// settleChanges answers those who have asked for changes, unless they have led into a joint membership that is to be left
// first: until then majorities of the old members are needed.
func (r *Replica) settleChanges(index uint64) {
	a := &r.applying
	for _, number := range a.changes {
		if len(a.confState.VotersOutgoing) > 0 {
			r.waiting.survives(number)
		} else {
			a.run.settle(true, number, outcome{result: Result{Index: index}})
		}
	}
	if len(a.confState.VotersOutgoing) == 0 {
		a.changes = nil
	}
}

func decodeChange(e *pb.Entry) (change pb.ConfChangeV2, err error) {
	if e.Type == pb.EntryConfChangeV2 {
		err = change.Unmarshal(e.Data)
		return change, err
	}
	var v1 pb.ConfChange
	if err := v1.Unmarshal(e.Data); err != nil {
		return change, err
	}
	change = v1.AsV2()
	change.Context = v1.Context
	return change, nil
}
