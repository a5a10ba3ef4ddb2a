package replica

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A group of replicas in one process, on memory logs and a memory network, for the tests of this package.

// A register is a state machine: appends to named strings, and remembers how often it applied what.
type register struct {
	mu      sync.Mutex
	state   map[string]string
	applied uint64
	fail    error
}

func newRegister() *register { return &register{state: map[string]string{}} }

// Apply takes commands of the form key+=text, which appends, and key:=text, which replaces, and returns what the key then
// holds.
func (r *register) Apply(commands []Command) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return nil, r.fail
	}
	results := make([][]byte, len(commands))
	for i, c := range commands {
		key, text, appends := strings.Cut(string(c.Data), "+=")
		if !appends {
			key, text, _ = strings.Cut(string(c.Data), ":=")
			r.state[key] = ""
		}
		r.state[key] += text
		results[i] = []byte(r.state[key])
		r.applied = c.Index
	}
	return results, nil
}

func (r *register) get(key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state[key]
}

func (r *register) copy() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.state)
}

type registerView []byte

func (v registerView) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(v)
	return int64(n), err
}
func (v registerView) Close() error { return nil }

func (r *register) Capture() (View, error) {
	data, err := json.Marshal(r.copy())
	return registerView(data), err
}

func (r *register) Restore(contents io.Reader) error {
	data, err := io.ReadAll(contents)
	if err != nil {
		return err
	}
	state := map[string]string{}
	if err := json.Unmarshal(data, &state); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
	return nil
}

// A durableRegister keeps its state by itself: what was committed, and what of that is synced.
type durableRegister struct {
	register
	mu                sync.Mutex
	committed, synced durableState
}

type durableState struct {
	applied uint64
	records map[string][]byte
	state   map[string]string
}

func newDurableRegister() *durableRegister {
	return &durableRegister{register: register{state: map[string]string{}}}
}

func (d *durableRegister) Commit(applied uint64, records []Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := durableState{applied: applied, records: maps.Clone(d.committed.records), state: d.copy()}
	if next.records == nil {
		next.records = map[string][]byte{}
	}
	for _, r := range records {
		if r.Value == nil {
			delete(next.records, string(r.Key))
		} else {
			next.records[string(r.Key)] = bytes.Clone(r.Value)
		}
	}
	d.committed = next
	return nil
}

func (d *durableRegister) Restore(contents io.Reader) error {
	d.mu.Lock()
	d.committed, d.synced = durableState{}, durableState{}
	d.mu.Unlock()
	return d.register.Restore(contents)
}

func (d *durableRegister) Recover() (uint64, []Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var records []Record
	for _, key := range slices.Sorted(maps.Keys(d.committed.records)) {
		records = append(records, Record{Key: []byte(key), Value: d.committed.records[key]})
	}
	return d.committed.applied, records, nil
}

func (d *durableRegister) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced = d.committed
	return nil
}

// crashed returns what is left after a crash. The caller holds the lock.
func (d *durableRegister) crashed() *durableRegister {
	after := newDurableRegister()
	after.committed, after.synced = d.synced, d.synced
	if d.synced.state != nil {
		after.state = maps.Clone(d.synced.state)
	}
	return after
}

// testGroup is members of one group, each on a host of its own.
type testGroup struct {
	t       *testing.T
	network *MemoryNetwork
	members map[uint64]*testMember
	// change is applied to each configuration.
	change  func(*Config)
	durable bool
	// calm has members wait long before they campaign; see newCalmGroup.
	calm  bool
	peers []Member
	level slog.Level
	// storeOf and transportOf, if not nil, put something before what a member writes and sends to.
	storeOf     func(id uint64, s LogStore) LogStore
	transportOf func(id uint64, t Transport) Transport
}

type testMember struct {
	*Replica
	store   *MemoryLogStore
	machine StateMachine
	mu      sync.Mutex
	events  []Event
}

const testTick = 10 * time.Millisecond

func newTestGroup(t *testing.T, size int, change func(*Config)) *testGroup {
	g := &testGroup{t: t, network: NewMemoryNetwork(), members: map[uint64]*testMember{}, change: change}
	for id := uint64(1); id <= uint64(size); id++ {
		g.peers = append(g.peers, Member{ID: id, Address: fmt.Sprint("memory:", id)})
	}
	t.Cleanup(g.stopAll)
	return g
}

// calmElection is the election timeout in ticks of a calm group.
const calmElection = 300

// newCalmGroup makes a group in which leadership does not move because somebody waits for a processor, unless change says otherwise. It
// elects at once all the same; see elect.
func newCalmGroup(t *testing.T, size int, change func(*Config)) *testGroup {
	g := newTestGroup(t, size, change)
	g.calm = true
	return g
}

func (g *testGroup) startAll() *testGroup {
	for _, p := range g.peers {
		g.start(p.ID, nil)
	}
	if g.calm {
		g.elect()
	}
	return g
}

// elect has time pass for the members that begin the group, so that one of them, at random, campaigns, and the others may vote for it.
// Nobody does before it has applied the membership that it begins with.
func (g *testGroup) elect() {
	for _, p := range g.peers {
		m := g.members[p.ID]
		require.Eventually(g.t, func() bool { return m.Applied() >= uint64(len(g.peers)) }, time.Minute, time.Millisecond)
	}
	first := g.peers[rand.IntN(len(g.peers))].ID
	for _, p := range append(slices.Clone(g.peers), Member{ID: first}) {
		m := g.members[p.ID]
		m.call(patient(g.t), func() { m.starve(m.config.ElectionTicks) })
	}
}

// start starts a member, on what it had if it ran before.
func (g *testGroup) start(id uint64, change func(*Config)) *testMember {
	g.t.Helper()
	m := g.members[id]
	if m == nil {
		m = &testMember{store: NewMemoryLogStore()}
		if g.durable {
			m.machine = newDurableRegister()
		}
		g.members[id] = m
	}
	if !g.durable {
		m.machine = newRegister()
	}
	config := Config{Group: 7, StateMachine: m.machine, Peers: g.peers, LeaseReads: true}
	config.OnEvent = func(e Event) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.events = append(m.events, e)
	}
	if g.calm {
		config.ElectionTicks = calmElection
	}
	for _, c := range []func(*Config){g.change, change} {
		if c != nil {
			c(&config)
		}
	}
	level := max(g.level, slog.LevelWarn)
	if os.Getenv("REPLICA_LOG") != "" {
		level = slog.LevelDebug
	}
	store, transport := LogStore(m.store), g.network.Transport(id)
	if g.storeOf != nil {
		store = g.storeOf(id, store)
	}
	if g.transportOf != nil {
		transport = g.transportOf(id, transport)
	}
	r, err := Run(HostConfig{ID: id, Store: store, Transport: transport, Tick: testTick,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}, config)
	require.NoError(g.t, err)
	m.Replica = r
	return m
}

// crash ends a member without its knowing, and leaves what was synced. What it does after that moment nobody hears of.
func (g *testGroup) crash(id uint64) {
	m := g.members[id]
	g.network.Isolate(id)
	store, machine := m.images()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = m.Stop(ctx)
	m.store, m.machine = store, machine
	g.network.Heal()
}

// images returns what a crash leaves of the log and of a durable state machine. The state machine's is taken first, and held until
// the log's is: it is never ahead of the log, and the log is not compacted behind what it has.
func (m *testMember) images() (*MemoryLogStore, StateMachine) {
	d, durable := m.machine.(*durableRegister)
	if !durable {
		return m.store.Crash(), nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	machine := d.crashed()
	return m.store.Crash(), machine
}

func (g *testGroup) stopAll() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var wg sync.WaitGroup
	for _, m := range g.members {
		wg.Go(func() { _ = m.Stop(ctx) })
	}
	wg.Wait()
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// leader waits until one member leads and the others that run know it.
func (g *testGroup) leader(among ...uint64) *testMember {
	g.t.Helper()
	var leader *testMember
	require.Eventually(g.t, func() bool {
		leader = nil
		for id, m := range g.members {
			if len(among) > 0 && !slices.Contains(among, id) || m.stopping() {
				continue
			}
			lead, _ := m.Leader()
			if lead == 0 || leader != nil && leader.id != lead || g.members[lead].stopping() {
				return false
			}
			if len(among) > 0 && !slices.Contains(among, lead) {
				return false
			}
			leader = g.members[lead]
		}
		return leader != nil
	}, time.Minute, 5*time.Millisecond, "nobody leads")
	return leader
}

// follower returns the running member with the lowest ID that does not lead.
func (g *testGroup) follower() *testMember {
	leader := g.leader()
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		if m := g.members[id]; id != leader.id && !m.stopping() {
			return m
		}
	}
	g.t.Fatal("no follower runs")
	return nil
}

// leadBy has a member lead, of a group of which those given can elect it.
func (g *testGroup) leadBy(id uint64, among ...uint64) *testMember {
	g.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		leader := g.leader(among...)
		if leader.id == id {
			return leader
		}
		_ = leader.TransferLeadership(patient(g.t), id) // it may take too long: then once more
	}
	g.t.Fatalf("member %d does not come to lead", id)
	return nil
}

// except returns the IDs of the other members.
func (g *testGroup) except(ids ...uint64) []uint64 {
	others := slices.Sorted(maps.Keys(g.members))
	return slices.DeleteFunc(others, func(id uint64) bool { return slices.Contains(ids, id) })
}

// propose proposes a command by way of a member, until it is applied: once more if it certainly was not, as when its leader was replaced.
func (g *testGroup) propose(m *testMember, command string) Result {
	g.t.Helper()
	for ctx := patient(g.t); ; {
		result, err := m.Propose(ctx, []byte(command))
		if errors.Is(err, ErrNotApplied) && ctx.Err() == nil && !m.stopping() {
			continue
		}
		require.NoError(g.t, err)
		return result
	}
}

// write appends to a key by way of a member, n times.
func (g *testGroup) write(m *testMember, key string, n int) {
	g.t.Helper()
	for range n {
		g.propose(m, key+"+=1")
	}
}

// promote makes a learner a voter, when its leader has heard that it has caught up.
func (g *testGroup) promote(leader *testMember, id uint64) {
	g.t.Helper()
	ctx := patient(g.t)
	require.Eventually(g.t, func() bool { return leader.PromoteMember(ctx, id) == nil }, time.Minute, time.Millisecond,
		"member %d is not promoted", id)
}

// catchUp waits until a member has applied what another one has.
func (g *testGroup) catchUp(m, with *testMember) {
	g.t.Helper()
	until := with.Applied()
	require.Eventually(g.t, func() bool { return m.Applied() >= until }, time.Minute, time.Millisecond,
		"member %d does not catch up with member %d", m.id, with.id)
}

func (m *testMember) lastIndex(t *testing.T) uint64 {
	last, err := m.log.LastIndex()
	require.NoError(t, err)
	return last
}

func (m *testMember) value(key string) string {
	switch s := m.machine.(type) {
	case *register:
		return s.get(key)
	case *durableRegister:
		return s.get(key)
	}
	return ""
}

// agree waits until all running members have applied the same.
func (g *testGroup) agree(key, value string) {
	g.t.Helper()
	for id, m := range g.members {
		if m.stopping() {
			continue
		}
		require.Eventually(g.t, func() bool { return m.value(key) == value }, time.Minute, 5*time.Millisecond,
			"member %d does not come to hold %q", id, value)
	}
}

func count(m *testMember, is func(Event) bool) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if is(e) {
			n++
		}
	}
	return n
}

// receivesSnapshot waits until the member says that it has received a snapshot: that may come after what follows from it.
func (g *testGroup) receivesSnapshot(m *testMember, why string) {
	g.t.Helper()
	is := func(e Event) bool { _, is := e.(SnapshotReceived); return is }
	require.Eventually(g.t, func() bool { return count(m, is) > 0 }, time.Minute, time.Millisecond, why)
}
