package model

// A state of the whole group is a run of words without pointers, so that a hundred million of them cost the garbage
// collector nothing:
//
//	the number of messages in flight
//	the LocalID of each member
//	what is left of the budgets, four bits each
//	the floors of the reads that are not answered yet, eight bits each, if there are reads
//	what is left of each member's own budgets, a word a member, if there are any
//	the MessageIDs of the messages in flight, ascending, one for each copy

// maxExtras is the most words that budgets and floors take: two, one, and one for each of seven members.
const maxExtras = 10

// layout says where in a state things stand.
type layout struct {
	members int
	// shared is the slot of each budget of the group, own of each budget of a member; -1 where there is none.
	shared, own [limits]int
	// floorAt and ownAt are the places of these words among the extras; -1 where there are none.
	floorAt, ownAt int
	// extras is the number of words between the LocalIDs and the messages.
	extras int
	// start are the extras of the first state.
	start [maxExtras]uint32
	// allowed are the budgets of the group at the start, and what the prelude has used besides.
	allowed [limits]uint32
}

// slotsPerWord is how many budgets fit in a word.
const slotsPerWord = 8

func newLayout(b *Bounds) *layout {
	y := &layout{members: b.Members(), floorAt: -1, ownAt: -1}
	shared, own := 0, 0
	for l := Limit(0); l < limits; l++ {
		y.shared[l], y.own[l] = -1, -1
		y.allowed[l] = uint32(b.limit(l)) + uint32(b.preludeUses(l))
		if b.limit(l) > 0 {
			y.shared[l] = shared
			y.start[shared/slotsPerWord] |= uint32(b.limit(l)) << (4 * (shared % slotsPerWord))
			shared++
		}
		if b.PerMember[l] > 0 {
			y.own[l] = own
			own++
		}
	}
	y.extras = (shared + slotsPerWord - 1) / slotsPerWord
	if b.limit(Reads) > 0 {
		y.floorAt = y.extras
		y.extras++
	}
	if own > 0 {
		y.ownAt = y.extras
		y.extras += y.members
		y.fillOwn(b)
	}
	return y
}

// fillOwn gives each member its own budgets. There are never more of them than a word holds, as Validate sees to.
func (y *layout) fillOwn(b *Bounds) {
	for l := Limit(0); l < limits; l++ {
		if y.own[l] < 0 {
			continue
		}
		for i := 0; i < y.members; i++ {
			y.start[y.ownAt+i] |= uint32(b.PerMember[l]) << (4 * y.own[l])
		}
	}
}

// size returns the number of words of a state with so many messages in flight.
func (y *layout) size(messages int) int { return 1 + y.members + y.extras + messages }

// locals, extrasOf and bag return the parts of a state.
func (y *layout) locals(s []uint32) []uint32 { return s[1 : 1+y.members] }

func (y *layout) extrasOf(s []uint32) []uint32 { return s[1+y.members : 1+y.members+y.extras] }

func (y *layout) bag(s []uint32) []uint32 { return s[1+y.members+y.extras:] }

// left returns what is left of a budget for a member, who is given by its position.
func (y *layout) left(extras []uint32, l Limit, position int) uint32 {
	slot := y.shared[l]
	if slot < 0 {
		return 0
	}
	left := extras[slot/slotsPerWord] >> (4 * (slot % slotsPerWord)) & 15
	if y.own[l] >= 0 && position >= 0 {
		left = min(left, extras[y.ownAt+position]>>(4*y.own[l])&15)
	}
	return left
}

// used returns how often it has happened in the group.
func (y *layout) used(extras []uint32, l Limit) uint32 { return y.allowed[l] - y.left(extras, l, -1) }

// use takes one from a budget.
func (y *layout) use(extras []uint32, l Limit, position int) {
	slot := y.shared[l]
	extras[slot/slotsPerWord] -= 1 << (4 * (slot % slotsPerWord))
	if y.own[l] >= 0 && position >= 0 {
		extras[y.ownAt+position] -= 1 << (4 * y.own[l])
	}
}

// floor returns the least index with which a read may be answered; zero once it is answered.
func (y *layout) floor(extras []uint32, read uint32) uint64 {
	if y.floorAt < 0 || read >= maxReads {
		return 0
	}
	return uint64(extras[y.floorAt] >> (8 * read) & 255)
}

func (y *layout) setFloor(extras []uint32, read uint32, floor uint64) {
	if y.floorAt < 0 || read >= maxReads {
		return
	}
	extras[y.floorAt] &^= 255 << (8 * read)
	extras[y.floorAt] |= uint32(min(floor, 255)) << (8 * read)
}
