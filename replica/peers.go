package replica

import "sync"

// A peerTable knows at what address each host is reached, from the members of all groups, and tells the transport.
type peerTable struct {
	self      uint64
	transport Transport

	mu    sync.Mutex
	peers map[uint64]*peer
	// leaving counts the peers that no group names.
	leaving int
}

type peer struct {
	address string
	// groups is how many groups name the host; if none, it is forgotten at the given tick.
	groups   int
	forgetAt uint64
}

// farewell is how many ticks a host that no group names any more is still talked to: it has to hear of its own removal.
const farewell = 100

func newPeerTable(self uint64, transport Transport) *peerTable {
	return &peerTable{self: self, transport: transport, peers: map[uint64]*peer{}}
}

// change replaces what one group says.
func (t *peerTable) change(before, after []Member, now uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range after {
		t.join(m)
	}
	for _, m := range before {
		t.leave(m, now)
	}
}

func (t *peerTable) join(m Member) {
	if m.ID == t.self {
		return
	}
	p := t.peers[m.ID]
	if p == nil {
		p = &peer{}
		t.peers[m.ID] = p
	} else if p.groups == 0 {
		t.leaving--
	}
	p.groups++
	if m.Address != "" && p.address != m.Address {
		p.address = m.Address
		t.transport.SetPeer(m.ID, m.Address)
	}
}

func (t *peerTable) leave(m Member, now uint64) {
	p := t.peers[m.ID]
	if m.ID == t.self || p == nil {
		return
	}
	p.groups--
	if p.groups == 0 {
		p.forgetAt = now + farewell
		t.leaving++
	}
}

// forget has the transport forget those that are due.
func (t *peerTable) forget(now uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.leaving == 0 {
		return
	}
	for id, p := range t.peers {
		if p.groups == 0 && p.forgetAt <= now {
			delete(t.peers, id)
			t.leaving--
			t.transport.RemovePeer(id)
		}
	}
}
