package proxy

// Carrying bytes from one side to the other, under the rule of the moment.

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// What a direction of a connection holds at most: as many chunks as wait, of this size each.
const (
	chunkBytes  = 32 << 10
	chunksQueue = 14 // one more is in the reader's hand, and one in the writer's
)

// errCutAfter ends a connection whose rule allowed no more bytes.
var errCutAfter = errors.New("the rule allows no more bytes")

// A connection is one tunnel: link.from dialled, link.to was dialled.
type connection struct {
	link   pair
	client net.Conn
	target net.Conn
	ended  chan struct{}
	once   sync.Once
}

func newConnection(link pair, client, target net.Conn) *connection {
	return &connection{link: link, client: client, target: target, ended: make(chan struct{})}
}

// end closes both sides at once. It may be called more than once.
func (c *connection) end() {
	c.once.Do(func() {
		close(c.ended)
		c.client.Close()
		c.target.Close()
	})
}

// A chunk is what was read at once, and when.
type chunk struct {
	data []byte
	at   time.Time
}

// pump carries one direction until its end. An orderly end of the source is passed on as such, after everything that
// came before it; any failure ends the whole connection.
func (p *Proxy) pump(conn *connection, link pair, to net.Conn, from io.Reader) {
	chunks := make(chan chunk, chunksQueue)
	var failed error
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(chunks)
		failed = readChunks(conn, from, chunks)
	})
	err := p.deliverAll(conn, link, to, chunks)
	if err != nil {
		conn.end()
	}
	reading.Wait()
	if err != nil {
		return
	}
	if failed != nil || closeWrite(to) != nil {
		conn.end()
	}
}

// readChunks returns nil at the end of the source.
func readChunks(conn *connection, from io.Reader, chunks chan<- chunk) error {
	buffer := make([]byte, chunkBytes)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			select {
			case chunks <- chunk{data: bytes.Clone(buffer[:n]), at: time.Now()}:
			case <-conn.ended:
				return net.ErrClosed
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func closeWrite(to net.Conn) error {
	half, ok := to.(interface{ CloseWrite() error })
	if !ok {
		return to.Close()
	}
	return half.CloseWrite()
}

// deliverAll writes the chunks, each as the rule of its time says.
func (p *Proxy) deliverAll(conn *connection, link pair, to net.Conn, chunks <-chan chunk) error {
	var counted *ruleState // the rule that passed counts for
	var passed int64
	for next := range chunks {
		rule, err := p.due(conn, link, next.at)
		if err != nil {
			return err
		}
		if rule != counted {
			counted, passed = rule, 0
		}
		data, last := next.data, false
		if rule.CutAfter > 0 && passed+int64(len(data)) >= rule.CutAfter {
			data, last = data[:rule.CutAfter-passed], true
		}
		if _, err := to.Write(data); err != nil {
			return err
		}
		if last {
			return errCutAfter
		}
		passed += int64(len(data))
	}
	return nil
}

// due waits until the rule lets a chunk pass that was read at the given time, and returns that rule.
func (p *Proxy) due(conn *connection, link pair, at time.Time) (*ruleState, error) {
	for {
		rule := p.rule(link)
		var wait <-chan time.Time
		var timer *time.Timer
		if rule.Mode == Pass {
			left := time.Until(at.Add(rule.Delay))
			if left <= 0 {
				return rule, nil
			}
			timer = time.NewTimer(left)
			wait = timer.C
		}
		select {
		case <-wait:
		case <-rule.changed:
		case <-conn.ended:
			return nil, net.ErrClosed
		}
		if timer != nil {
			timer.Stop()
		}
	}
}
