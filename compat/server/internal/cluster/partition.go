package cluster

import "go.etcd.io/etcd/client/pkg/v3/types"

// Isolate lets no Raft message pass between a member and the others, in either direction. Clients reach it as before.
func (c *Cluster) Isolate(m *Member) {
	for _, other := range c.Others(m) {
		m.Server().CutPeer(types.ID(other.ID()))
		other.Server().CutPeer(types.ID(m.ID()))
	}
}

// Mend ends what Isolate began. Members that were restarted since then need no mending.
func (c *Cluster) Mend(m *Member) {
	for _, other := range c.Others(m) {
		m.Server().MendPeer(types.ID(other.ID()))
		other.Server().MendPeer(types.ID(m.ID()))
	}
}
