package demo

// Where the members of the demo listen.

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"strconv"
)

// A member's port is let go before its process listens on it. So it has to be one that the system gives to nobody meanwhile, neither for
// an outgoing connection nor to who asks for any port: on Linux those begin at 32768, elsewhere at 49152.
const (
	lowestPort  = 20000
	highestPort = 32000
)

// address finds the address of a member, and fails if something listens there already.
func (c *cluster) address(id uint64) (string, error) {
	addr := ""
	if c.config.Port != 0 {
		addr = loopback(c.config.Port + int(id))
	}
	if p := c.stored.find(id); p != nil {
		addr = p.Addr
	}
	if addr == "" {
		return anyAddress()
	}
	if err := probe(addr); err != nil {
		return "", portError(addr, c.config, c.stored, err)
	}
	return addr, nil
}

// anyAddress finds an address where nothing listens.
func anyAddress() (string, error) {
	var last error
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(highestPort-lowestPort))
		if err != nil {
			return "", fmt.Errorf("choosing a port: %w", err)
		}
		addr := loopback(lowestPort + int(n.Int64()))
		if last = probe(addr); last == nil {
			return addr, nil
		}
	}
	return "", fmt.Errorf("no port from %d to %d can be used: name one with --port: %w", lowestPort, highestPort-1, last)
}

// probe tells whether an address can be listened on.
func probe(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return listener.Close()
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

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
