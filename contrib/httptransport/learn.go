package httptransport

import (
	"net"
	"net/url"
)

// Addresses that hosts tell of themselves. A member that joins a group hears from a leader of which nobody has told it.

const (
	// maxLearned bounds the hosts whose addresses are known from themselves alone.
	maxLearned = 64
	// maxAddressBytes bounds such an address.
	maxAddressBytes = 512
)

// learn takes the address of a host that has none yet. The host has been admitted. What it says of itself is believed where
// certificates vouch for it, and otherwise only about this machine.
func (t *Transport) learn(id uint64, address string) {
	if address == "" || len(address) > maxAddressBytes || !t.believes(address) {
		return
	}
	t.mu.RLock()
	known := t.peers[id] != nil
	t.mu.RUnlock()
	if known {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.peers[id] == nil && !t.closed && len(t.learned) < maxLearned {
		t.learned[id] = true
		t.setPeer(id, address)
	}
}

func (t *Transport) believes(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	if t.options.TLS != nil {
		return u.Scheme == "https"
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
