package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// The kinds of faults, as -faults names them.
const (
	FaultKill      = "kill"      // SIGKILL of one, of the leader, of a minority
	FaultAll       = "all"       // SIGKILL of all at once
	FaultRestart   = "restart"   // SIGTERM of one after another
	FaultPause     = "pause"     // SIGSTOP of one, of the leader for longer than its lease, of a minority, in quick succession
	FaultPartition = "partition" // of the network: isolated, split, one way, bridged, flapping
	FaultSlow      = "slow"      // links with a delay
	FaultDisk      = "disk"      // that fails, is full, is slow
	FaultMembers   = "members"   // a member removed, and a new one in its place
	FaultTransfer  = "transfer"  // of leadership, again and again
	FaultSnapshot  = "snapshot"  // a member that is away until only a snapshot helps
	FaultMixed     = "mixed"     // one kind for one member, another for another
)

// AllFaults returns every kind of fault.
func AllFaults() []string {
	return []string{FaultKill, FaultAll, FaultRestart, FaultPause, FaultPartition, FaultSlow, FaultDisk, FaultMembers, FaultTransfer, FaultSnapshot, FaultMixed}
}

// An Act is one way to break the cluster. Who is hit is said by roles, which are known only when the act begins.
type Act string

// All acts. Those of a kind have its name before the slash.
const (
	KillOne             Act = "kill/one"
	KillLeader          Act = "kill/leader"
	KillMinority        Act = "kill/minority"
	KillAll             Act = "all/kill"
	RestartRolling      Act = "restart/rolling"
	PauseOne            Act = "pause/one"
	PauseLeader         Act = "pause/leader"
	PauseMinority       Act = "pause/minority"
	PauseStutter        Act = "pause/stutter" // of the leader, again and again, shorter than an election
	IsolateOne          Act = "partition/one"
	IsolateLeader       Act = "partition/leader"
	SplitMinority       Act = "partition/split"    // the leader may be on either side
	DeafLeader          Act = "partition/deaf"     // the leader hears nobody, but is heard
	MuteLeader          Act = "partition/mute"     // the leader is not heard, but hears
	Bridge              Act = "partition/bridge"   // two sides that only one member reaches both of
	Flapping            Act = "partition/flapping" // a member that comes and goes
	CutConnections      Act = "partition/cut"      // connections end instead of stalling
	SlowAll             Act = "slow/all"
	SlowLeader          Act = "slow/leader"
	DiskFails           Act = "disk/fail"
	DiskFailsLead       Act = "disk/fail-leader"
	DiskFull            Act = "disk/full"
	DiskSlow            Act = "disk/slow" // of the leader
	ReplaceMember       Act = "members/replace"
	ReplaceLeader       Act = "members/replace-leader"
	TransferOften       Act = "transfer/often"
	SnapshotLag         Act = "snapshot/lag"
	SnapshotInterrupted Act = "snapshot/interrupted" // killed while it restores
	KillAndPause        Act = "mixed/kill-and-pause"
	KillAndIsolate      Act = "mixed/kill-and-isolate"
	PauseAndDisk        Act = "mixed/pause-and-disk"
)

func allActs() []Act {
	return []Act{
		KillOne, KillLeader, KillMinority, KillAll, RestartRolling, PauseOne, PauseLeader, PauseMinority, PauseStutter,
		IsolateOne, IsolateLeader, SplitMinority, DeafLeader, MuteLeader, Bridge, Flapping, CutConnections, SlowAll, SlowLeader,
		DiskFails, DiskFailsLead, DiskFull, DiskSlow, ReplaceMember, ReplaceLeader, TransferOften, SnapshotLag, SnapshotInterrupted, KillAndPause, KillAndIsolate, PauseAndDisk,
	}
}

// fault returns the kind that an act is of.
func (a Act) fault() string {
	kind, _, _ := strings.Cut(string(a), "/")
	return kind
}

// needs returns how many members there must be for the act to make sense and to leave a majority.
func (a Act) needs() int {
	switch a {
	case KillAndPause, KillAndIsolate, PauseAndDisk, Bridge:
		return 5
	case KillAll:
		return 1
	default:
		return 3
	}
}

// A Step is one act of a plan.
type Step struct {
	Number int           `json:"number"`
	Act    Act           `json:"act"`
	Order  []int         `json:"order"` // slots in the order in which victims are picked; the leader goes first where the act says so
	Hold   time.Duration `json:"hold"`  // how long the fault lasts
	Rest   time.Duration `json:"rest"`  // how long the healed cluster is left alone
}

func (s Step) String() string {
	return fmt.Sprintf("%d: %s for %s, slots %v", s.Number, s.Act, s.Hold.Round(time.Millisecond), s.Order)
}

// NewPlan makes the plan of a run. It depends on nothing but its arguments. Acts are dealt from a shuffled deck, which is
// shuffled again when it is empty: in a long run, every act has its turn equally often. The plan is long enough for the
// duration, however fast the cluster recovers.
func NewPlan(seed uint64, members int, faults []string, duration time.Duration) ([]Step, error) {
	deck, err := dealable(members, faults)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	var steps []Step
	var total time.Duration
	for total < duration && len(deck) > 0 {
		rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		for _, act := range deck {
			step := Step{
				Number: len(steps) + 1,
				Act:    act,
				Order:  rng.Perm(members),
				Hold:   hold(rng, act),
				Rest:   between(rng, time.Second, 3*time.Second),
			}
			steps = append(steps, step)
			total += step.Hold + step.Rest
		}
	}
	return steps, nil
}

// dealable returns the acts that are of a wanted kind and possible with so many members.
func dealable(members int, faults []string) ([]Act, error) {
	for _, fault := range faults {
		if !slices.Contains(AllFaults(), fault) {
			return nil, fmt.Errorf("there is no fault %q: choose among %s", fault, strings.Join(AllFaults(), ", "))
		}
	}
	var deck []Act
	for _, act := range allActs() {
		if slices.Contains(faults, act.fault()) && act.needs() <= members {
			deck = append(deck, act)
		}
	}
	return deck, nil
}

func hold(rng *rand.Rand, act Act) time.Duration {
	switch act {
	case KillAll:
		return between(rng, 200*time.Millisecond, 2*time.Second)
	case PauseLeader:
		return between(rng, 3*time.Second, 7*time.Second) // longer than lease and election take
	case RestartRolling, TransferOften, ReplaceMember, ReplaceLeader:
		return between(rng, time.Second, 2*time.Second) // the rest is how long it takes
	default:
		return between(rng, 3*time.Second, 8*time.Second)
	}
}

func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Int64N(int64(high-low)))
}
