// The addresses of a group's members. They travel in the contexts of membership changes (Raft §6), and every member keeps
// those of the members that there are.

package replica

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	pb "github.com/seed695671cb/raft/raftpb"
)

type memberAddress struct {
	id      uint64 // not 0
	address string
}

// A changeContext is the Context of a membership change: who proposed it, see envelope, and the addresses of the members
// that it adds, or that have moved.
type changeContext struct {
	life, number uint64
	addresses    []memberAddress
}

func (c *changeContext) encode() []byte {
	b := make([]byte, 0, 1+8+uvarintSize(c.number)+addressesSize(c.addresses))
	b = append(b, kindChange.firstByte())
	b = binary.LittleEndian.AppendUint64(b, c.life)
	b = binary.AppendUvarint(b, c.number)
	return appendAddresses(b, c.addresses)
}

// decodeChangeContext reads the Context of a membership change. An empty one, as of the change by which a leader leaves
// a joint membership of itself, is the zero value.
func decodeChangeContext(data []byte) (changeContext, error) {
	if len(data) == 0 {
		return changeContext{}, nil
	}
	r := fieldReader{what: "context of a membership change", data: data}
	if kind := r.kind(); r.err == nil && kind != kindChange {
		r.at = 0
		r.fail("first byte", fmt.Sprintf("says %v", kind))
	}
	c := changeContext{life: r.fixed64("life"), number: r.uvarint("number")}
	c.addresses = r.addresses()
	if err := r.done(); err != nil {
		return changeContext{}, err
	}
	return c, nil
}

func addressesSize(list []memberAddress) int {
	n := uvarintSize(uint64(len(list)))
	for _, m := range list {
		n += uvarintSize(m.id) + blockSize(len(m.address))
	}
	return n
}

func appendAddresses(b []byte, list []memberAddress) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, m := range list {
		b = binary.AppendUvarint(b, m.id)
		b = appendBlock(b, m.address)
	}
	return b
}

func (r *fieldReader) addresses() []memberAddress {
	n := r.count("number of addresses", 2)
	if n == 0 {
		return nil
	}
	list := make([]memberAddress, 0, n)
	for range n {
		id := r.positive("member")
		list = append(list, memberAddress{id: id, address: string(r.block("address"))})
	}
	return list
}

// A memberTable is where the members of a group are reached, and which IDs were those of members that have been removed, both
// in ascending order of IDs. The zero value is empty.
//
// Invariant: what list and removed hold is never written again. So a copy of a memberTable stays as it is.
type memberTable struct {
	list    []memberAddress
	removed []uint64
}

// remove notes that a member was removed: its ID is not to be used again.
func (t *memberTable) remove(id uint64) {
	if at, known := slices.BinarySearch(t.removed, id); !known {
		t.removed = slices.Concat(t.removed[:at], []uint64{id}, t.removed[at:])
	}
}

// wasRemoved reports whether the ID is that of a member that has been removed.
func (t memberTable) wasRemoved(id uint64) bool {
	_, known := slices.BinarySearch(t.removed, id)
	return known
}

func compareMembers(m memberAddress, id uint64) int { return cmp.Compare(m.id, id) }

// address returns where a member is reached.
func (t memberTable) address(id uint64) (address string, known bool) {
	at, known := slices.BinarySearchFunc(t.list, id, compareMembers)
	if !known {
		return "", false
	}
	return t.list[at].address, true
}

// set enters addresses: later ones count for more than earlier ones. It reports whether that changed anything.
func (t *memberTable) set(addresses ...memberAddress) (changed bool) {
	for _, m := range addresses {
		at, known := slices.BinarySearchFunc(t.list, m.id, compareMembers)
		if known && t.list[at].address == m.address {
			continue
		}
		end := at
		if known {
			end++
		}
		t.list = slices.Concat(t.list[:at], []memberAddress{m}, t.list[end:])
		changed = true
	}
	return changed
}

// retain drops all that are not members according to cs, and returns their IDs.
func (t *memberTable) retain(cs pb.ConfState) (dropped []uint64) {
	var kept []memberAddress
	for _, m := range t.list {
		if isMember(cs, m.id) {
			kept = append(kept, m)
			continue
		}
		dropped = append(dropped, m.id)
	}
	if len(dropped) > 0 {
		t.list = kept
	}
	return dropped
}

func isMember(cs pb.ConfState, id uint64) bool {
	return slices.Contains(cs.Voters, id) || slices.Contains(cs.Learners, id) ||
		slices.Contains(cs.VotersOutgoing, id) || slices.Contains(cs.LearnersNext, id)
}

// memberIDs returns the IDs of all members, in ascending order.
func memberIDs(cs pb.ConfState) []uint64 {
	ids := slices.Concat(cs.Voters, cs.Learners, cs.VotersOutgoing, cs.LearnersNext)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// members returns the members according to cs, in ascending order of their IDs, with an empty address where none is
// known. Who votes in either half of a joint membership is no learner.
func (t memberTable) members(cs pb.ConfState) []Member {
	ids := memberIDs(cs)
	list := make([]Member, 0, len(ids))
	for _, id := range ids {
		address, _ := t.address(id)
		votes := slices.Contains(cs.Voters, id) || slices.Contains(cs.VotersOutgoing, id)
		list = append(list, Member{ID: id, Address: address, Learner: !votes})
	}
	return list
}

// encode returns the table as bytes, the same for equal tables.
func (t memberTable) encode() []byte {
	b := appendAddresses(make([]byte, 0, addressesSize(t.list)+binary.MaxVarintLen64*(1+len(t.removed))), t.list)
	b = binary.AppendUvarint(b, uint64(len(t.removed)))
	for _, id := range t.removed {
		b = binary.AppendUvarint(b, id)
	}
	return b
}

// record returns the record that keeps the table.
func (t memberTable) record() Record {
	return Record{Key: []byte{recordMembers}, Value: t.encode()}
}

// decodeMemberTable reads what encode returned.
func decodeMemberTable(data []byte) (memberTable, error) {
	r := fieldReader{what: "members table", data: data}
	t := memberTable{list: r.addresses()}
	for range r.count("number of removed members", 1) {
		t.removed = append(t.removed, r.positive("removed member"))
	}
	if err := r.done(); err != nil {
		return memberTable{}, err
	}
	ids := make([]uint64, len(t.list))
	for i, m := range t.list {
		ids[i] = m.id
	}
	if err := errors.Join(checkAscending(ids), checkAscending(t.removed)); err != nil {
		return memberTable{}, err
	}
	return t, nil
}

func checkAscending(ids []uint64) error {
	for i := 1; i < len(ids); i++ {
		if ids[i-1] >= ids[i] {
			return fmt.Errorf("members table: member %d stands after member %d", ids[i], ids[i-1])
		}
	}
	return nil
}
