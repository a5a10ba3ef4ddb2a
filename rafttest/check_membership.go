package rafttest

// Membership agreement: after the same applied index, all members have the same configuration (Raft §6).

func (g *group) checkMembership(m *member) {
	if m.outdated || m.app.applied == 0 {
		return
	}
	place := g.known.memberships.at(m.app.applied)
	if place == nil {
		return
	}
	digest := membershipDigest(m.app.membership) | 1
	if *place != 0 && *place != digest {
		g.fail("membership agreement", []uint64{m.id}, "member %d has configuration %v after index %d, which differs from that of "+
			"others", m.id, m.app.membership, m.app.applied)
	}
	*place = digest
}
