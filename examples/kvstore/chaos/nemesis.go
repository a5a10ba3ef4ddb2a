package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// patience bounds how long the healed cluster may take until every member serves again.
const patience = 90 * time.Second

// A nemesis carries out a plan.
type nemesis struct {
	cluster *cluster
	view    *view
	avail   *availability
	say     func(format string, args ...any)
	http    *http.Client

	done      map[Act]int
	elections []time.Duration // from the loss of a leader to the next one
	recovery  []time.Duration // from healing until every member served
	transfers int
	replaced  int
	diskSeen  int // members that noticed that their disk had failed
	diskHit   int
}

// carryOut performs steps until the context ends. An error means that the cluster did not recover, which is a violation
// too: nothing that was done takes away a majority for good.
func (n *nemesis) carryOut(ctx context.Context, steps []Step) error {
	for _, step := range steps {
		if ctx.Err() != nil {
			return nil
		}
		n.avail.begin(n.now(), fmt.Sprintf("step %d, %s", step.Number, step.Act))
		n.say("step %s", step)
		suspects, err := n.perform(ctx, step)
		err = errors.Join(err, n.cluster.heal(suspects))
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", step.Number, step.Act, err)
		}
		n.done[step.Act]++
		if err := n.recover(); err != nil {
			return fmt.Errorf("after step %d, %s: %w", step.Number, step.Act, err)
		}
		sleep(ctx, step.Rest)
	}
	return nil
}

func (n *nemesis) now() time.Duration { return time.Duration(n.view.now()) }

// victims returns the slots that a step hits, those that are hit first at the front. With the leader first, whoever
// leads now comes before all others.
func (n *nemesis) victims(step Step, leaderFirst bool) []int {
	order := slices.Clone(step.Order)
	if !leaderFirst {
		return order
	}
	slot, _, ok := n.view.leader(time.Now().Add(-time.Second))
	if !ok {
		return order
	}
	order = slices.DeleteFunc(order, func(s int) bool { return s == slot })
	return append([]int{slot}, order...)
}

// perform carries out one act, and returns the slots whose processes are to be restarted when it is healed.
func (n *nemesis) perform(ctx context.Context, step Step) (suspects []int, err error) {
	anyone, leader := n.victims(step, false), n.victims(step, true)
	minority := (len(anyone) - 1) / 2
	switch step.Act {
	case KillOne:
		n.kill(anyone[:1])
	case KillLeader:
		n.depose(leader[0], func() { n.kill(leader[:1]) })
	case KillMinority:
		n.kill(leader[:minority])
	case KillAll:
		return nil, n.killAll(step)
	case RestartRolling:
		return nil, n.restartRolling(ctx, anyone)
	case PauseOne:
		err = n.cluster.freeze(anyone[0], true)
	case PauseLeader:
		n.depose(leader[0], func() { err = n.cluster.freeze(leader[0], true) })
	case PauseMinority:
		err = n.pause(leader[:minority])
	case PauseStutter:
		return nil, n.stutter(ctx, step, leader[0])
	case DiskFails, DiskFailsLead, DiskFull, DiskSlow:
		return n.performDisk(ctx, step, anyone[0], leader[0])
	case ReplaceMember:
		return nil, n.replace(anyone[0], step.Number%2 == 0)
	case ReplaceLeader:
		return nil, n.replace(leader[0], step.Number%2 == 0)
	case SnapshotLag, SnapshotInterrupted:
		return nil, n.lag(ctx, step, anyone[0])
	case TransferOften:
		return nil, n.transferOften(ctx, step)
	case KillAndPause:
		n.kill(leader[:1])
		err = n.cluster.freeze(leader[1], true)
	case KillAndIsolate:
		n.kill(anyone[:1])
		n.cluster.isolate(anyone[1], proxy.Hold)
	case PauseAndDisk:
		err = errors.Join(n.cluster.freeze(anyone[0], true), n.cluster.breakDisk(anyone[1], "fail"))
		suspects = anyone[1:2]
	default:
		return nil, n.performNetwork(ctx, step, anyone, leader)
	}
	sleep(ctx, step.Hold)
	return suspects, err
}

func (n *nemesis) performNetwork(ctx context.Context, step Step, anyone, leader []int) error {
	c := n.cluster
	switch step.Act {
	case IsolateOne:
		c.isolate(anyone[0], proxy.Hold)
	case IsolateLeader:
		n.depose(leader[0], func() { c.isolate(leader[0], proxy.Hold) })
	case SplitMinority:
		minority := (len(anyone) - 1) / 2
		c.separate(anyone[:minority], anyone[minority:])
	case DeafLeader:
		c.oneWay(leader[1:], leader[:1])
	case MuteLeader:
		c.oneWay(leader[:1], leader[1:])
	case Bridge:
		middle := 1 + (len(anyone)-1)/2
		c.separate(leader[1:middle], leader[middle:])
	case Flapping:
		n.flap(ctx, step, anyone[0])
		return nil
	case CutConnections:
		c.isolate(anyone[0], proxy.Cut)
	case SlowAll:
		c.delay(anyone, 60*time.Millisecond)
	case SlowLeader:
		c.delay(leader[:1], 150*time.Millisecond)
	default:
		return fmt.Errorf("nobody knows how to perform %q", step.Act)
	}
	sleep(ctx, step.Hold)
	return nil
}

func (n *nemesis) performDisk(ctx context.Context, step Step, anyone, leader int) ([]int, error) {
	victim, fault := anyone, "fail"
	switch step.Act {
	case DiskFailsLead:
		victim = leader
	case DiskFull:
		fault = "full"
	case DiskSlow:
		victim, fault = leader, "slow 300"
	}
	if err := n.cluster.breakDisk(victim, fault); err != nil {
		return nil, err
	}
	sleep(ctx, step.Hold)
	if step.Act == DiskSlow {
		return nil, nil
	}
	n.diskHit++
	if !n.healthy(n.cluster.at(victim)) {
		n.diskSeen++
	}
	return []int{victim}, nil
}

// healthy asks a member whether its disk works.
func (n *nemesis) healthy(at endpoint) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var ignored struct{}
	return n.view.getJSON(ctx, at.url+"/healthz", &ignored) == nil
}

// kill ends processes at the same time.
func (n *nemesis) kill(slots []int) {
	var wg sync.WaitGroup
	for _, slot := range slots {
		wg.Go(func() { n.cluster.kill(slot) })
	}
	wg.Wait()
}

func (n *nemesis) pause(slots []int) error {
	var errs []error
	for _, slot := range slots {
		errs = append(errs, n.cluster.freeze(slot, true))
	}
	return errors.Join(errs...)
}

// killAll ends all processes at once, and starts all again. In between there is no majority.
func (n *nemesis) killAll(step Step) error {
	from := n.now()
	n.kill(step.Order)
	time.Sleep(step.Hold)
	err := n.cluster.heal(nil)
	n.avail.gone(span{From: from, To: n.now()})
	return err
}

func (n *nemesis) restartRolling(ctx context.Context, slots []int) error {
	for _, slot := range slots {
		if ctx.Err() != nil {
			return nil
		}
		n.cluster.stop(slot)
		if err := errors.Join(n.cluster.start(slot), n.recover()); err != nil {
			return err
		}
	}
	return nil
}

// stutter pauses a member again and again, mostly for less than an election takes.
func (n *nemesis) stutter(ctx context.Context, step Step, slot int) error {
	for i, end := 0, time.Now().Add(step.Hold); time.Now().Before(end) && ctx.Err() == nil; i++ {
		if err := n.cluster.freeze(slot, true); err != nil {
			return err
		}
		time.Sleep(time.Duration(200+300*(i%4)) * time.Millisecond)
		if err := n.cluster.freeze(slot, false); err != nil {
			return err
		}
		sleep(ctx, 300*time.Millisecond)
	}
	return nil
}

// flap isolates a member and heals it, again and again.
func (n *nemesis) flap(ctx context.Context, step Step, slot int) {
	mode := proxy.Hold
	for end := time.Now().Add(step.Hold); time.Now().Before(end) && ctx.Err() == nil; {
		n.cluster.isolate(slot, mode)
		sleep(ctx, 700*time.Millisecond)
		n.cluster.network.HealAll()
		sleep(ctx, 500*time.Millisecond)
		mode = proxy.Hold + proxy.Cut - mode
	}
}

// depose takes a leader away, waits for another one, and notes how long that took.
func (n *nemesis) depose(slot int, act func()) {
	act()
	lost := time.Now()
	for time.Since(lost) < 15*time.Second {
		if next, _, ok := n.view.leader(lost); ok && next != slot {
			n.elections = append(n.elections, time.Since(lost))
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// recover waits until every member serves writes, knows the leader and has applied what was committed.
func (n *nemesis) recover() error {
	start := time.Now()
	var last error
	for time.Since(start) < patience {
		if last = n.serves(start); last == nil {
			n.recovery = append(n.recovery, time.Since(start))
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("the healed cluster does not serve after %v: %w", patience, last)
}

func (n *nemesis) serves(since time.Time) error {
	slot, _, ok := n.view.leader(since)
	if !ok {
		return errors.New("no member says that it leads")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	leader, err := n.view.ask(ctx, n.cluster.at(slot))
	if err != nil {
		return fmt.Errorf("status of the leader: %w", err)
	}
	for slot := range n.cluster.slots() {
		at := n.cluster.at(slot)
		if err := probeOnce(ctx, n.http, at, 2*time.Second); err != nil {
			return fmt.Errorf("a write through member %d: %w", at.id, err)
		}
		st, err := n.view.ask(ctx, at)
		if err != nil {
			return fmt.Errorf("status of member %d: %w", at.id, err)
		}
		if st.Applied < leader.Commit || st.Leader == 0 {
			return fmt.Errorf("member %d has applied %d of %d, leader %d", at.id, st.Applied, leader.Commit, st.Leader)
		}
	}
	return nil
}
