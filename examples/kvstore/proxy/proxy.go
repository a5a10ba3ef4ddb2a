package proxy

// Accepting members and connecting them.

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds on what a client may take: of a request's header, of the time until it is complete, and of that to connect.
const (
	maxHeaderBytes = 8 << 10
	headerTimeout  = 10 * time.Second
	dialTimeout    = 10 * time.Second
)

// errNotLoopback is returned by Listen.
var errNotLoopback = errors.New("not a loopback address: the proxy has no authentication, use 127.0.0.1")

// A Proxy connects registered members, subject to its rules. All methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener
	server   *http.Server
	ctx      context.Context // ends when the proxy closes
	cancel   context.CancelFunc
	working  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	members map[uint64]string // by ID: address, host and port
	rules   map[pair]*ruleState
	conns   map[*connection]struct{}
}

// Listen starts a proxy on a loopback address; port 0 picks a free one.
func Listen(addr string) (*Proxy, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("proxy: listening on %s: %w", addr, err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		listener.Close()
		return nil, fmt.Errorf("proxy: listening on %s: %w", addr, errNotLoopback)
	}
	p := &Proxy{
		listener: listener,
		members:  map[uint64]string{},
		rules:    map[pair]*ruleState{},
		conns:    map[*connection]struct{}{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.server = &http.Server{
		Handler:           p,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       headerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	p.working.Go(func() { _ = p.server.Serve(listener) })
	return p, nil
}

// Addr is the address that the proxy listens on, host and port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL is the proxy's URL for a member to dial through.
func (p *Proxy) URL(id uint64) string { return fmt.Sprintf("http://%d@%s", id, p.Addr()) }

// Register makes a member known, or replaces its address. The address is compared with what members dial as text.
func (p *Proxy) Register(id uint64, addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members[id] = addr
}

// Unregister forgets a member and ends its connections.
func (p *Proxy) Unregister(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.members, id)
	for conn := range p.conns {
		if conn.link.from == id || conn.link.to == id {
			conn.end()
		}
	}
}

// Close ends all connections and waits until nothing of the proxy runs any more.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.server.Close()
	p.mu.Lock()
	p.closed = true
	for conn := range p.conns {
		conn.end()
	}
	p.mu.Unlock()
	p.working.Wait()
	return err
}

// sortedIDs must be called with mu held.
func (p *Proxy) sortedIDs() []uint64 { return slices.Sorted(maps.Keys(p.members)) }

// ServeHTTP answers CONNECT requests between registered members and refuses everything else.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		w.Header().Set("Allow", http.MethodConnect)
		http.Error(w, "this is a proxy between members: only CONNECT is served", http.StatusMethodNotAllowed)
		return
	}
	from, err := p.caller(r.Header.Get("Proxy-Authorization"))
	if err != nil {
		w.Header().Set("Proxy-Authenticate", `Basic realm="member"`)
		http.Error(w, err.Error(), http.StatusProxyAuthRequired)
		return
	}
	to, ok := p.idOf(r.Host)
	if !ok || to == from {
		http.Error(w, "the target is not the address of another registered member", http.StatusForbidden)
		return
	}
	p.connect(w, r, pair{from, to})
}

// caller reads the member's ID from the user part of the credentials.
func (p *Proxy) caller(authorization string) (uint64, error) {
	encoded, ok := strings.CutPrefix(authorization, "Basic ")
	if !ok {
		return 0, errors.New("name the member that dials as the user of the proxy's URL")
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return 0, errors.New("the credentials are not base64")
	}
	user, _, _ := strings.Cut(string(text), ":")
	id, err := strconv.ParseUint(user, 10, 64)
	if err != nil {
		return 0, errors.New("the user of the proxy's URL is not the ID of a member")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.members[id]; !ok {
		return 0, fmt.Errorf("member %d is not registered", id)
	}
	return id, nil
}

func (p *Proxy) idOf(addr string) (uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.sortedIDs() {
		if p.members[id] == addr {
			return id, true
		}
	}
	return 0, false
}

// connect dials the target as soon as both directions allow it, answers, and hands the connection over to the pumps.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request, link pair) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	if err := p.admit(ctx, link); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	target, err := dialer.DialContext(ctx, "tcp", r.Host)
	if err != nil {
		http.Error(w, "the member does not answer: "+err.Error(), http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		target.Close()
		http.Error(w, "the connection cannot be taken over", http.StatusInternalServerError)
		return
	}
	_ = client.SetDeadline(time.Time{})
	// What the client has sent already is in the reader's buffer and comes first.
	early := io.LimitReader(buffered, int64(buffered.Reader.Buffered()))
	p.start(newConnection(link, client, target), io.MultiReader(early, client))
}

// admit waits while either direction is held, and reports an error if either is cut.
func (p *Proxy) admit(ctx context.Context, link pair) error {
	for {
		there, back := p.rule(link), p.rule(link.reverse())
		if there.Mode == Cut || back.Mode == Cut {
			return fmt.Errorf("the network between members %d and %d is cut", link.from, link.to)
		}
		if there.Mode == Pass && back.Mode == Pass {
			return nil
		}
		select {
		case <-there.changed:
		case <-back.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// start answers and runs both directions of a connection, and forgets it when both have ended.
func (p *Proxy) start(conn *connection, fromClient io.Reader) {
	if !p.enter(conn) {
		conn.end()
		return
	}
	go func() {
		defer p.working.Done()
		if _, err := io.WriteString(conn.client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
			conn.end()
		}
		var pumps sync.WaitGroup
		pumps.Go(func() { p.pump(conn, conn.link, conn.target, fromClient) })
		pumps.Go(func() { p.pump(conn, conn.link.reverse(), conn.client, conn.target) })
		pumps.Wait()
		conn.end()
		p.mu.Lock()
		delete(p.conns, conn)
		p.mu.Unlock()
	}()
}

// enter makes a connection known to those who end connections, unless it was to be ended while it was dialled.
func (p *Proxy) enter(conn *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, from := p.members[conn.link.from]
	_, to := p.members[conn.link.to]
	if p.closed || !from || !to || p.mode(conn.link) == Cut || p.mode(conn.link.reverse()) == Cut {
		return false
	}
	p.conns[conn] = struct{}{}
	p.working.Add(1)
	return true
}

// mode must be called with mu held.
func (p *Proxy) mode(link pair) Mode {
	if state, ok := p.rules[link]; ok {
		return state.Mode
	}
	return Pass
}
