package demo

// Where the members of the demo listen.

import (
	"fmt"
	"net"

	"github.com/seed695671cb/raft/examples/kvstore/internal/ports"
)

// address finds the address of a member, and fails if something listens there already.
func (c *cluster) address(id uint64) (string, error) {
	addr := ""
	if c.config.Port != 0 {
		addr = ports.At(c.config.Port + int(id))
	}
	if p := c.stored.find(id); p != nil {
		addr = p.Addr
	}
	if addr == "" {
		addr, err := ports.Free()
		if err != nil {
			return "", fmt.Errorf("%w: name one with --port", err)
		}
		return addr, nil
	}
	if err := ports.Probe(addr); err != nil {
		return "", portError(addr, c.config, c.stored, err)
	}
	return addr, nil
}

// portError says what to do about an address that cannot be had.
func portError(addr string, config Config, stored *layout, err error) error {
	if stored != nil {
		return fmt.Errorf("%s cannot be used, and the cluster in %s listens there: end what does, maybe another demo, or name another "+
			"directory with --data: %w", addr, config.Dir, err)
	}
	return fmt.Errorf("%s cannot be used: choose another port with --port; the demo takes that one and the %d above it: %w",
		addr, config.Members, err)
}

// A reservation keeps the ports of members from others, until their processes are started.
type reservation map[uint64]net.Listener

// take does nothing if the address has gone to somebody else already: the process says so when it cannot listen.
func (r reservation) take(m *member) {
	if listener, err := net.Listen("tcp", m.addr); err == nil {
		r[m.id] = listener
	}
}

// release lets go of a member's port.
func (r reservation) release(m *member) {
	if listener := r[m.id]; listener != nil {
		_ = listener.Close()
		delete(r, m.id)
	}
}

// releaseAll lets go of what is left.
func (r reservation) releaseAll() {
	for _, listener := range r {
		_ = listener.Close()
	}
}
