package replica

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/internal/linear"
)

var (
	chaosTime = flag.Duration("chaos", 6*time.Second, "how long TestChaos torments each group")
	chaosSeed = flag.Uint64("chaos.seed", 1, "the seed of TestChaos: of its faults, not of the schedule of goroutines")
)

// Groups of five under crashes, isolation, one-way cuts, losses, transfers and snapshots: what clients see is
// linearizable, nothing acknowledged is lost, and afterwards all members hold the same.
func TestChaos(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			g := newTestGroup(t, 5, func(c *Config) {
				c.SnapshotEntries, c.TrailingEntries = 40, 5
				c.ElectionTicks = 10
			})
			g.durable = durable
			g.level = 100 // failures are part of it
			g.startAll()
			g.leader()
			c := newChaos(g)
			c.run(*chaosTime)
			c.check()
		})
	}
}

type chaos struct {
	g       *testGroup
	random  *rand.Rand
	began   time.Time
	running atomic.Bool

	mu      sync.RWMutex // held while members are replaced
	history struct {
		sync.Mutex
		list []linear.Operation
	}
	faults map[string]int
	value  atomic.Uint64
}

const chaosKeys = 4

func newChaos(g *testGroup) *chaos {
	return &chaos{g: g, random: rand.New(rand.NewPCG(*chaosSeed, 1)), began: time.Now(), faults: map[string]int{}}
}

func (c *chaos) now() uint64 { return uint64(time.Since(c.began)) }

func (c *chaos) run(d time.Duration) {
	c.running.Store(true)
	var wg sync.WaitGroup
	for client := range 10 {
		wg.Go(func() { c.client(client) })
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		c.fault()
	}
	c.g.network.SetLoss(0, 0)
	c.g.network.Heal()
	c.running.Store(false)
	wg.Wait()
}

func (c *chaos) fault() {
	id := uint64(c.random.IntN(5) + 1)
	if c.random.IntN(3) == 0 {
		if lead, _ := c.g.members[1].Leader(); lead != 0 {
			id = lead
		}
	}
	network := c.g.network
	pause := time.Duration(5+c.random.IntN(40)) * testTick
	name := ""
	switch c.random.IntN(6) {
	case 0:
		name = "isolate"
		network.Isolate(id)
		time.Sleep(pause)
	case 1:
		name = "cut one way"
		network.Cut(id, id%5+1)
		network.Cut(id, (id+1)%5+1)
		time.Sleep(pause)
	case 2:
		name = "loss"
		network.SetLoss(0.2, c.random.Uint64())
		time.Sleep(pause)
		network.SetLoss(0, 0)
	case 3:
		name = "transfer"
		ctx, cancel := context.WithTimeout(context.Background(), pause)
		if lead, _ := c.g.members[id].Leader(); lead != 0 {
			_ = c.g.members[lead].TransferLeadership(ctx, id)
		}
		cancel()
	default:
		name = "crash"
		c.mu.Lock()
		c.g.crash(id)
		c.mu.Unlock()
		time.Sleep(pause)
		c.mu.Lock()
		c.g.start(id, nil)
		c.mu.Unlock()
	}
	network.Heal()
	c.faults[name]++
	time.Sleep(pause / 2)
}

// client writes and reads by turns, each at some member.
func (c *chaos) client(client int) {
	random := rand.New(rand.NewPCG(*chaosSeed, uint64(client+2)))
	sessions := map[*Replica]*Session{}
	for c.running.Load() {
		c.mu.RLock()
		m := c.g.members[uint64(random.IntN(5)+1)]
		r, machine := m.Replica, m.machine
		c.mu.RUnlock()
		op := linear.Operation{Client: client, Key: random.IntN(chaosKeys), Write: random.IntN(2) == 0, Call: c.now()}
		ctx, cancel := context.WithTimeout(context.Background(), 100*testTick)
		var done bool
		if op.Write {
			op.Value = c.value.Add(1)
			done = c.write(ctx, r, sessions, &op)
		} else {
			done = c.read(ctx, r, machine, &op, []Consistency{Linearizable, Lease}[random.IntN(2)])
		}
		cancel()
		if done {
			c.history.Lock()
			c.history.list = append(c.history.list, op)
			c.history.Unlock()
		}
	}
}

// write writes, and reports whether the write belongs to the history: not if it was certainly not made.
func (c *chaos) write(ctx context.Context, r *Replica, sessions map[*Replica]*Session, op *linear.Operation) bool {
	command := fmt.Appendf(nil, "%d:=%d", op.Key, op.Value)
	var err error
	if op.Value%2 == 0 {
		_, err = r.Propose(ctx, command)
	} else {
		s := sessions[r]
		if s == nil {
			if s, err = r.OpenSession(ctx); err != nil {
				return false
			}
			sessions[r] = s
		}
		_, err = s.Propose(ctx, command)
	}
	op.Return = c.now()
	if err != nil {
		op.Return = linear.Pending
	}
	return !errors.Is(err, ErrNotApplied)
}

func (c *chaos) read(ctx context.Context, r *Replica, machine StateMachine, op *linear.Operation, level Consistency) bool {
	if _, err := r.Read(ctx, level); err != nil {
		return false
	}
	text := (&testMember{machine: machine}).value(fmt.Sprint(op.Key))
	if text != "" {
		op.Value, _ = strconv.ParseUint(text, 10, 64)
	}
	op.Return = c.now()
	return true
}

func (c *chaos) check() {
	t := c.g.t
	c.g.leader()
	for key := range chaosKeys {
		op := linear.Operation{Client: 99, Key: key, Call: c.now()}
		m := c.g.members[uint64(key%5+1)]
		require.True(t, c.read(patient(t), m.Replica, m.machine, &op, Linearizable))
		c.history.list = append(c.history.list, op)
		c.g.agree(fmt.Sprint(key), m.value(fmt.Sprint(key)))
	}
	t.Logf("%d operations, faults %v, %d snapshots restored", len(c.history.list), c.faults, c.g.restored())
	require.Greater(t, len(c.history.list), 100)
	if v := linear.Check(c.history.list); v != nil {
		t.Fatalf("not linearizable (seed %d): %v", *chaosSeed, v)
	}
}
