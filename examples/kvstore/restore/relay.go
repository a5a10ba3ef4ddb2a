package restore

// A relay in front of the new member, which counts the bytes that reach it.

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// A relay passes connections on, and counts what their clients send.
type relay struct {
	listener net.Listener
	target   string
	counted  atomic.Int64

	work sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]struct{} // nil when it is closed
}

func newRelay(target string) (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the new member: %w", err)
	}
	r := &relay{listener: listener, target: target, open: map[net.Conn]struct{}{}}
	r.work.Go(r.accept)
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

// received returns how many bytes were sent to the new member.
func (r *relay) received() int64 { return r.counted.Load() }

func (r *relay) accept() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() { r.pass(from) })
	}
}

// pass carries one connection, until either side ends it.
func (r *relay) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", r.target)
	if err != nil {
		return // the member does not run
	}
	defer to.Close()
	if !r.hold(from, to) {
		return
	}
	defer r.release(from, to)
	back := make(chan struct{})
	go func() {
		defer close(back)
		pump(from, to, new(atomic.Int64))
	}()
	pump(to, from, &r.counted)
	<-back
}

// pump copies until the source or the destination fails, and then closes both, which ends the other direction as well.
func pump(to, from net.Conn, counted *atomic.Int64) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 256<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			counted.Add(int64(n))
			if _, failed := to.Write(buffer[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *relay) hold(connections ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, connection := range connections {
		if r.open == nil {
			return false
		}
		r.open[connection] = struct{}{}
	}
	return true
}

func (r *relay) release(connections ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, connection := range connections {
		delete(r.open, connection)
	}
}

func (r *relay) close() error {
	err := r.listener.Close()
	r.mu.Lock()
	for connection := range r.open {
		err = errors.Join(err, ignoreClosed(connection.Close()))
	}
	r.open = nil
	r.mu.Unlock()
	r.work.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
