package rafttest

import (
	"encoding/binary"
	"slices"

	pb "github.com/seed695671cb/raft/raftpb"
)

// packet is a message on its way.
type packet struct {
	msg pb.Message
	// from is who sent it: a request that is passed on may name somebody else.
	from uint64
	// digest is that of the message when it was sent: nobody may write to it since.
	digest uint64
	// timer numbers the timers of the packet: it arrives with the newest.
	timer uint8
	// id numbers the packets of a run; zero if the slot is free.
	id uint64
}

// network holds the packets on their way. A packet keeps its slot until it is delivered or lost.
type network struct {
	slots []packet
	free  []int
	sent  uint64
	// cut says which links are down: bit b of cut[a] is that from a to b.
	cut [maxMembers + 1]uint32
}

// put sends a message, and returns its slot.
func (n *network) put(from uint64, msg *pb.Message, digest uint64) int {
	n.sent++
	p := packet{msg: *msg, from: from, digest: digest, id: n.sent}
	if k := len(n.free); k > 0 {
		slot := n.free[k-1]
		n.free = n.free[:k-1]
		n.slots[slot] = p
		return slot
	}
	n.slots = append(n.slots, p)
	return len(n.slots) - 1
}

// take removes the packet in the slot.
func (n *network) take(slot int) packet {
	p := n.slots[slot]
	n.slots[slot] = packet{}
	n.free = append(n.free, slot)
	return p
}

// find returns the slot of the oldest packet of that digest; ok is false if there is none.
func (n *network) find(digest uint64) (slot int, ok bool) {
	for i := range n.slots {
		p := &n.slots[i]
		if p.id != 0 && p.digest == digest && (!ok || p.id < n.slots[slot].id) {
			slot, ok = i, true
		}
	}
	return slot, ok
}

// likeness says what kind of packet that in the slot is, and how many older ones of the kind are on their way.
func (n *network) likeness(slot int) uint64 {
	p := &n.slots[slot]
	kind := p.kind()
	older := uint64(0)
	for i := range n.slots {
		if o := &n.slots[i]; o.id != 0 && o.id < p.id && o.kind() == kind {
			older++
		}
	}
	return kind<<32 | older
}

// kind is made of sender, receiver and type.
func (p *packet) kind() uint64 {
	reject := uint64(0)
	if p.msg.Reject {
		reject = 1
	}
	return uint64(p.msg.Type)<<9 | p.from<<5 | p.msg.To<<1 | reject
}

// findLike returns the slot of a packet of the kind, with as many older ones, or as many as there are; ok is false if there
// is none.
func (n *network) findLike(likeness uint64) (slot int, ok bool) {
	kind, older := likeness>>32, likeness&0xffffffff
	var ids []uint64
	for i := range n.slots {
		if p := &n.slots[i]; p.id != 0 && p.kind() == kind {
			ids = append(ids, p.id<<20|uint64(i))
		}
	}
	if len(ids) == 0 {
		return 0, false
	}
	slices.Sort(ids)
	return int(ids[min(older, uint64(len(ids)-1))] & (1<<20 - 1)), true
}

// blocked reports whether the link is down.
func (n *network) blocked(from, to uint64) bool { return n.cut[from]&(1<<to) != 0 }

func (n *network) heal() { n.cut = [maxMembers + 1]uint32{} }

func (n *network) healed() bool { return n.cut == [maxMembers + 1]uint32{} }

// messageDigest sums up a message: two messages with the same digest are taken to be the same.
func messageDigest(m *pb.Message) uint64 {
	h := mix(mix(1, uint64(m.Type)<<32|m.From<<8|m.To), m.Term)
	h = mix(h, m.LogTerm)
	h = mix(h, m.Index)
	h = mix(h, m.Commit)
	h = mix(h, m.RejectHint)
	h = mix(h, m.Vote)
	if m.Reject {
		h = mix(h, 1)
	}
	for i := range m.Entries {
		h = mix(h, entryDigest(&m.Entries[i]))
	}
	h = mixBytes(h, m.Context)
	if m.Snapshot != nil {
		meta := &m.Snapshot.Metadata
		h = mix(mix(h, meta.Index), meta.Term)
		h = mix(h, membershipDigest(meta.ConfState))
		h = mixBytes(h, m.Snapshot.Data)
	}
	return h
}

// entryDigest sums up an entry.
func entryDigest(e *pb.Entry) uint64 {
	return mixBytes(mix(mix(mix(2, uint64(e.Type)), e.Term), e.Index), e.Data)
}

func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// mixed is how many bytes of a string mixBytes takes in whole. The simulator's own commands say nothing beyond them.
const mixed = 256

// mixBytes takes in the length, the first bytes, and of padding after that only a sample.
func mixBytes(h uint64, b []byte) uint64 {
	h = mix(h, uint64(len(b)))
	n := min(len(b), mixed)
	for ; n >= 8; n -= 8 {
		h = mix(h, binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	for _, c := range b[:n] {
		h = mix(h, uint64(c))
	}
	for i := n; i < len(b); i += mixed {
		h = mix(h, uint64(b[i]))
	}
	return h
}
