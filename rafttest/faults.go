package rafttest

import "github.com/seed695671cb/raft/internal/choose"

// Faults says how much goes wrong while faults last. Zero is never.
type Faults struct {
	// Loss, Duplicate and Delay are of messages: per mille of them. One that is delayed arrives after many that were sent later, perhaps
	// after many elections.
	Loss, Duplicate, Delay int
	// Stall is, per mille, of steps of disks, applications and Ready loops that take very long.
	Stall int
	// ClockStop is, per mille, of ticks that come late. It has no effect where leases rest on clocks.
	ClockStop int

	// Interval is the typical time, in thousandths of a tick, between two moments at which one of the following happens.
	// Zero: a tick. Those that follow are weights: of what happens at these moments, each makes up so much, and nothing 200.
	Interval int

	// Crash is of a member: mostly in the middle of its work.
	Crash int
	// Partition is of links that break: those of one member, those in one direction, those between two halves, or between
	// two halves but for a bridge. Heal is of their repair.
	Partition, Heal int
	// Slow is of a disk, an application or a Ready loop that takes long for every step, for a while.
	Slow int
	// SnapshotBusy is of a disk that has its snapshot not to hand for a while.
	SnapshotBusy int
	// Wipe is of a member that was removed and loses its disk.
	Wipe int

	// Churn is of membership changes, Transfer of leadership transfers, Campaign of campaigns on request and of leaders
	// forgotten, Compact of snapshots and compactions: none of them a fault, all of them a trial.
	Churn, Transfer, Campaign, Compact int

	// The rest are per mille again. Torn is of crashes that leave a part of what was being written.
	Torn int
	// LateReports is of reports on snapshots and unreachable members that are late or false.
	LateReports int
}

// chooseFaults draws which faults a run has, and how often: most runs have some of them, few have all, so that none is
// always drowned by another.
func chooseFaults(src Source) Faults {
	some := func(high int) int {
		if choose.Chance(src, 400) {
			return 0
		}
		return 1 + src.Choose(1+src.Choose(high))
	}
	return Faults{
		Loss: some(200), Duplicate: some(100), Delay: some(60), Stall: some(20), ClockStop: some(10),
		Interval: choose.Pick(src, []int{200, 500, 1000, 2000, 5000}),
		Crash:    some(300), Torn: 200 + some(800), Partition: some(300), Heal: 50 + some(300),
		Slow: some(200), SnapshotBusy: some(60), LateReports: some(500), Wipe: some(300),
		Churn: some(500), Transfer: some(200), Campaign: some(300), Compact: 100 + some(400),
	}
}

// fault has something go wrong, or well again, or has an application try something.
func (d *driver) fault() {
	f := &d.faults
	d.after(1+choose.HeavyTail(d.src, d.interval()), timer{kind: timerFault})
	m := choose.Pick(d.src, d.g.members)
	if !m.up() {
		if choose.Chance(d.src, 500) {
			d.do(action{kind: actStart, member: uint8(m.id), a: d.newSettings()})
		}
		return
	}
	weights := []int{f.Crash, f.Partition, f.Heal, f.SnapshotBusy, f.Wipe, f.Churn, f.Transfer, f.Campaign, f.Compact, f.Slow, 200}
	switch choose.Weighted(d.src, weights) {
	case 0:
		if choose.Chance(d.src, 600) {
			d.armed[m.id] = 1 + d.src.Choose(20)
			return
		}
		d.crash(m)
	case 1:
		d.partition()
	case 2:
		d.heal()
	case 3:
		busy := uint64(1)
		if m.snapshotBusy {
			busy = 0
		}
		d.do(action{kind: actBusy, member: uint8(m.id), a: busy})
	case 4:
		d.wipe()
	case 5:
		d.change(d.likelyLeader(m))
	case 6:
		d.transfer(m)
	case 7:
		d.campaign(m)
	case 8:
		d.do(action{kind: actCompact, member: uint8(m.id), a: uint64(choose.HeavyTail(d.src, 8))})
	case 9:
		d.slowDown(m)
	}
}

// change has a membership change proposed. In a mixed group it is one that fits.
func (d *driver) change(m *member) {
	if d.g.opt.mixed() {
		d.do(action{kind: actChange, member: uint8(m.id), a: m.chooseFittingChange(d.src)})
		return
	}
	d.do(action{kind: actChange, member: uint8(m.id), a: chooseChange(d.src, d.g.highestID())})
}

// slowDown makes one kind of a member's work slow for a while.
func (d *driver) slowDown(m *member) {
	kind := d.src.Choose(int(workKinds))
	d.slowUntil[m.id][kind] = d.now + uint64(d.src.Choose(300*tickTime))
	d.do(action{kind: actNote, a: noteSlow, b: uint64(kind)<<8 | m.id})
}

// newSettings returns from what a member that starts draws its settings; often zero, for the ones it had.
func (d *driver) newSettings() uint64 {
	if d.g.common.uniform || choose.Chance(d.src, 700) {
		return 0
	}
	return 1 + uint64(d.src.Choose(1<<30))
}

// trigger has an armed member crash when its time has come, or when there is a write to be torn.
func (d *driver) trigger(m *member) bool {
	if d.armed[m.id] == 0 {
		return false
	}
	d.armed[m.id]--
	if d.armed[m.id] > 0 && !(m.unsyncedSteps() > 1 && choose.Chance(d.src, 500)) {
		return false
	}
	d.crash(m)
	return true
}

// crash has a member crash, at whatever step it is.
func (d *driver) crash(m *member) {
	d.armed[m.id] = 0
	keep := 0
	if steps := m.unsyncedSteps(); steps > 0 && choose.Chance(d.src, d.faults.Torn) {
		keep = d.src.Choose(steps + 1)
	}
	if m.ready.taken || len(m.append.queue)+len(m.apply.queue) > 0 {
		d.g.stats.CrashesAtWork++
	}
	if keep > 0 && keep < m.unsyncedSteps() {
		d.g.stats.TornWrites++
	}
	d.do(action{kind: actCrash, member: uint8(m.id), a: uint64(keep)})
	d.generation[m.id]++
}

// campaign has a member campaign, unless it is in a new life that is not as far as it should be, or forget its leader.
func (d *driver) campaign(m *member) {
	if choose.Chance(d.src, 500) {
		d.do(action{kind: actForget, member: uint8(m.id)})
		return
	}
	if m.app.applied >= m.quietTo {
		d.do(action{kind: actCampaign, member: uint8(m.id)})
	}
}

// transfer has leadership handed on. Sometimes the old leader then hears of nothing for a while: it still takes itself for
// the leader when the new one is elected.
func (d *driver) transfer(m *member) {
	lead := d.likelyLeader(m)
	d.g.stats.Transfers++
	d.do(action{kind: actTransfer, member: uint8(lead.id), a: choose.Pick(d.src, d.g.members).id})
	if d.faults.Partition == 0 || !choose.Chance(d.src, 300) {
		return
	}
	d.g.network.heal()
	for id := range d.g.network.cut {
		d.g.network.cut[id] |= 1 << lead.id
	}
	d.do(action{kind: actNote, a: notePartition, b: cutIncoming<<8 | lead.id})
}

// The kinds of partitions.
const (
	cutAlone uint64 = iota
	cutOneWay
	cutHalves
	cutBridge
	cutIncoming
)

// partition breaks links.
func (d *driver) partition() {
	g := d.g
	g.network.heal()
	g.stats.Partitions++
	kind, one := uint64(d.src.Choose(4)), choose.Pick(d.src, g.members).id
	if lead := g.leader(); lead != nil && choose.Chance(d.src, 500) {
		one = lead.id
	}
	var side [maxMembers + 1]int
	for _, m := range g.members {
		side[m.id] = d.src.Choose(2)
	}
	for a := uint64(1); a <= maxMembers; a++ {
		for b := uint64(1); b <= maxMembers; b++ {
			alone := kind == cutAlone && (a == one) != (b == one)
			oneWay := kind == cutOneWay && side[a] == 0 && side[b] == 1
			halves := kind >= cutHalves && side[a] != side[b] && !(kind == cutBridge && (a == one || b == one))
			if alone || oneWay || halves {
				g.network.cut[a] |= 1 << b
			}
		}
	}
	d.do(action{kind: actNote, a: notePartition, b: kind<<8 | one})
}

func (d *driver) heal() {
	if d.g.network.healed() {
		return
	}
	d.g.network.heal()
	d.do(action{kind: actNote, a: noteHeal})
}

// wipe takes its disk from a member that was removed. Everybody who might ask for the vote that is lost with the disk
// knows of the removal for good, and nobody has proposed to add the member again: else its new life could give that vote
// a second time, or be counted for entries that the old one held.
func (d *driver) wipe() {
	g := d.g
	lead := g.leader()
	if lead == nil || lead.outdated || lead.hasReady || lead.app.applied < g.known.lastChange {
		return
	}
	for _, m := range g.members {
		if !m.wiped && m.up() && !g.known.isMember(m.id) && g.known.removedAt[m.id] > 0 && d.removalIsKnown(lead, m) {
			d.do(action{kind: actWipe, member: uint8(m.id)})
			g.stats.Wipes++
			d.generation[m.id]++
			return
		}
	}
}

func (d *driver) removalIsKnown(lead, removed *member) bool {
	for _, other := range d.g.members {
		if other.seen.status.Term > lead.seen.status.Term || other.seen.durableHard.Term > lead.seen.status.Term {
			return false
		}
		behind := other.app.applied < other.quietTo || other.seen.durableHard.Commit < d.g.known.removedAt[removed.id]
		if other != removed && (other.wiped || behind) {
			return false
		}
	}
	return true
}

// interval is the typical time between two moments at which something may go wrong.
func (d *driver) interval() int {
	if d.faults.Interval == 0 {
		return tickTime
	}
	return d.faults.Interval * tickTime / 1000
}
