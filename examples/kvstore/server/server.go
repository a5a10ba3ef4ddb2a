package server

// A member as a whole: put together, served, and taken apart.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/seed695671cb/raft/contrib/httptransport"
	"github.com/seed695671cb/raft/contrib/pebblelog"
	"github.com/seed695671cb/raft/examples/kvstore/faultfs"
	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

// A Server is one member. Its methods may be called from any goroutine.
type Server struct {
	options  Options
	api      *api
	http     *http.Server
	listener net.Listener

	lock      io.Closer
	log       *pebblelog.Store
	store     *store.Store
	transport *httptransport.Transport
	replica   *replica.Replica
	peers     *peerNetwork

	beginStop context.CancelFunc
	// broken is why the log or the store has failed, in a way that the replica may not notice; failed is closed then.
	broken   atomic.Pointer[error]
	failed   chan struct{}
	failOnce sync.Once
	opened   atomic.Bool

	shutdown sync.Once
	stopped  chan struct{}
	stopErr  error
}

// New opens the data directory and starts the member. It takes part in the cluster and serves clients when Serve is called. The error
// says what is wrong with the options, and is an ErrOptions then, or with what they name or what is on disk.
func New(options Options) (*Server, error) {
	if err := options.complete(); err != nil {
		return nil, errors.Join(err, closeListener(options.Listener))
	}
	s := &Server{options: options, failed: make(chan struct{}), stopped: make(chan struct{})}
	if err := s.open(); err != nil {
		// Everything else was opened before the replica: nothing runs that would have to be stopped first.
		return nil, errors.Join(err, s.closeFiles())
	}
	return s, nil
}

func closeListener(listener net.Listener) error {
	if listener == nil {
		return nil
	}
	return listener.Close()
}

// open opens everything, from the bottom up.
func (s *Server) open() error {
	o := &s.options
	s.listener = o.Listener
	var err error
	if s.peers, err = newPeerNetwork(o); err != nil {
		return err
	}
	tokens, err := openTokens(o.Tokens, o.Logger)
	if err != nil {
		return err
	}
	if s.listener == nil {
		if s.listener, err = net.Listen("tcp", o.Listen); err != nil {
			return fmt.Errorf("the address cannot be listened on, choose another with --listen: %w", err)
		}
	}
	if s.lock, err = claimDir(o.Dir, o.ID, o.Cluster); err != nil {
		return err
	}
	if err := s.openStores(); err != nil {
		return err
	}
	s.newAPI(tokens)
	if err := s.startReplica(); err != nil {
		return err
	}
	s.newHTTP()
	if o.Tokens != "" && !o.TLS.Enabled() {
		o.Logger.Warn("every process on this machine can act as a member and write without a token, since there are no certificates", "url", o.URL)
	}
	s.opened.Store(true)
	return nil
}

// openStores opens the log and the state.
func (s *Server) openStores() error {
	o := &s.options
	fs := vfs.FS(nil)
	if o.FaultFile != "" {
		fs = faultfs.Wrap(vfs.Default, o.FaultFile)
	}
	var err error
	s.log, err = pebblelog.Open(filepath.Join(o.Dir, logDir), pebblelog.Options{FS: fs, Logger: o.Logger, OnFatal: s.diskFailed})
	if err != nil {
		return fmt.Errorf("the log cannot be opened: %w", err)
	}
	s.store, err = store.Open(filepath.Join(o.Dir, dataDir), store.Options{
		FS: fs, Logger: o.Logger, Bounds: o.Bounds, OnFatal: s.fail,
	})
	if err != nil {
		return fmt.Errorf("the data cannot be opened: %w", err)
	}
	return nil
}

// newAPI makes the handlers, which have no replica yet.
func (s *Server) newAPI(tokens *tokenFile) {
	o := &s.options
	stopping, cancel := context.WithCancel(context.Background())
	s.beginStop = cancel
	a := &api{
		options: o, limits: &o.limits, logger: o.Logger, started: time.Now(), broken: &s.broken,
		keys: s.store, hub: newHub(), tokens: tokens, leaders: &leaderClient{clientOf: s.peers.clientOf},
		routes: newRouteTable(), metrics: newMetrics(), dashboard: o.Dashboard,
		logBytes:       func() uint64 { return s.log.Metrics().DiskBytes },
		appliedAtStart: s.store.Applied(), stopping: stopping,
	}
	a.budgets.set(&o.limits)
	s.api = a
}

// startReplica starts the member of the group.
func (s *Server) startReplica() error {
	o := &s.options
	var err error
	s.transport, err = httptransport.New(httptransport.Options{
		ID: o.ID, ClusterID: o.Cluster, Address: o.URL, TLS: s.peers.tls, Dial: s.peers.dial, Logger: o.Logger,
	})
	if err != nil {
		return fmt.Errorf("the transport: %w", err)
	}
	s.replica, err = replica.Run(
		replica.HostConfig{ID: o.ID, Store: s.log, Transport: s.transport, Tick: o.Tick, Logger: o.Logger},
		replica.Config{
			StateMachine: s.store, Peers: o.Peers, Join: o.Join, LeaseReads: true,
			SnapshotEntries: o.SnapshotEntries, SnapshotBytes: o.SnapshotBytes, TrailingEntries: o.TrailingEntries, OnEvent: s.api.hub.take,
		})
	if err != nil {
		return fmt.Errorf("the member cannot be started: %w", err)
	}
	s.api.member = s.replica
	s.api.transport = s.transport.Handler()
	s.api.writes = newSessionPool(func(ctx context.Context) (proposer, error) { return s.replica.OpenSession(ctx) })
	s.api.metrics.registry.MustRegister(&collector{api: s.api, peers: s.transport.Peers, log: s.log.Metrics})
	return nil
}

// newHTTP makes the one server for clients, members and the dashboard.
func (s *Server) newHTTP() {
	s.http = &http.Server{
		Handler:     s.api,
		ConnContext: noteConnection,
		TLSConfig:   s.peers.serverTLS(),
		IdleTimeout: 2 * time.Minute,
	}
	httptransport.ConfigureServer(s.http, s.options.Logger)
}

// URL returns where the member is reached.
func (s *Server) URL() string { return s.options.URL }

// Serve serves until Shutdown is called, and returns nil then. If the member fails, it returns why, after a moment in which
// GET /healthz tells it too; the process should then end, since the disk may be in any state.
func (s *Server) Serve() error {
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	select {
	case err := <-served:
		if errors.Is(err, http.ErrServerClosed) || s.api.stopping.Err() != nil {
			<-s.stopped
			return nil
		}
		return fmt.Errorf("the address is no longer served: %w", err)
	case <-s.failed:
	case <-s.replica.Done():
	}
	err := s.api.failure()
	if err == nil {
		<-s.stopped
		return nil
	}
	time.Sleep(s.options.limits.linger)
	return fmt.Errorf("member %d has failed and cannot go on: %w", s.options.ID, err)
}

func (s *Server) serve() error {
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// Reload reads the tokens again. What is wrong with them is returned, and the old ones stay. Certificates are read again by
// themselves.
func (s *Server) Reload() error {
	if s.api.tokens == nil {
		return nil
	}
	return s.api.tokens.load()
}

// fail notes that the member cannot go on.
func (s *Server) fail(err error) {
	s.failOnce.Do(func() {
		s.broken.Store(&err)
		close(s.failed)
	})
}

// diskFailed is told of a failure of the log after which nothing is known to be durable. Where the database cannot return an error it
// panics after this, which would leave nobody time to tell: so it is held up until the process should have ended.
func (s *Server) diskFailed(err error) {
	s.fail(&diskError{err})
	if s.opened.Load() {
		time.Sleep(lingers * s.options.limits.linger)
	}
}

// lingers is how much longer a failed database is held up than Serve takes to tell.
const lingers = 10

// Shutdown stops the member: streams end, requests at work are finished, leadership is handed over, and the data directory is closed. If
// ctx ends before, what is left is cut off, and the error says so.
func (s *Server) Shutdown(ctx context.Context) error {
	s.shutdown.Do(func() {
		go func() {
			defer close(s.stopped)
			s.stopErr = s.stop(ctx)
		}()
	})
	select {
	case <-s.stopped:
		return s.stopErr
	case <-ctx.Done():
	}
	// Everything looks at ctx, but a disk that hangs does not.
	select {
	case <-s.stopped:
		return s.stopErr
	case <-time.After(s.options.limits.linger):
		return fmt.Errorf("the member did not stop in time: %w", ctx.Err())
	}
}

func (s *Server) stop(ctx context.Context) error {
	s.beginStop()
	s.drain(ctx)
	err := s.replica.Stop(ctx)
	if s.broken.Load() != nil {
		err = nil // Serve has told it
	}
	if e := s.http.Shutdown(ctx); e != nil {
		err = errors.Join(err, s.http.Close())
	}
	return errors.Join(err, s.closeFiles())
}

// drain waits until the requests at work are answered, for a while.
func (s *Server) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.options.limits.drain)
	defer cancel()
	for s.api.working.Load() > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// closeFiles closes what open opened, apart from the replica, as far as it came.
func (s *Server) closeFiles() error {
	var errs []error
	if s.http == nil {
		errs = append(errs, closeListener(s.listener))
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
