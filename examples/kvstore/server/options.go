package server

// What a member is configured with, and what is wrong with it.

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/proxy"
	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

// Options say how a member runs. Zero values stand for the defaults that are given.
type Options struct {
	// ID is the member's identity in the cluster. Not zero, and never used again by another member.
	ID uint64
	// Cluster is the cluster's name: members of different ones refuse each other. "kvstore".
	Cluster string
	// Listen is the address, host:port, on which clients and members are served. Without TLS the host has to be a loopback
	// address.
	Listen string
	// Listener is used instead of listening on Listen. The server closes it.
	Listener net.Listener
	// URL is where clients and the other members reach this one. The scheme, and the address that is listened on.
	URL string

	// Peers are the members that begin the cluster, this one among them, the same on each of them. They count for nothing once
	// anything is stored.
	Peers []replica.Member
	// Join has the member wait until it is added to a cluster that exists. Peers then say where the others are; they may be
	// absent.
	Join bool
	// Dir is where the member keeps everything. It is created if it is not there.
	Dir string

	// TLS names the files of certificates. All of them or none.
	TLS TLSFiles
	// Tokens is the file of bearer tokens; without it everybody may do everything. It needs TLS, or OpenPeers.
	Tokens string
	// OpenPeers accepts, with Tokens and without TLS, that every process on this machine can act as a member, and so write without
	// a token: without certificates, members do not know each other.
	OpenPeers bool

	// PeerProxy, http://ID@HOST:PORT, is a proxy through which the other members are reached; see package proxy.
	PeerProxy string
	// FaultFile makes the disk fail on command; see package faultfs.
	FaultFile string
	// Demo is the URL of the demo's controls, for the dashboard.
	Demo string
	// Dashboard answers GET of /.
	Dashboard http.Handler

	// SnapshotEntries and SnapshotBytes are after how many applied entries, and bytes of them, the log is compacted.
	// TrailingEntries is how many of them the log keeps for members that are behind. Those of package replica.
	SnapshotEntries, SnapshotBytes, TrailingEntries uint64
	// Tick is the unit of Raft's time: an election takes 10 to 20. 100 ms. Common to all members.
	Tick time.Duration
	// Bounds of the history and of the remembered idempotency keys. Common to all members.
	Bounds store.Bounds

	// Version is shown by GET /cluster. "dev".
	Version string
	// Logger. slog.Default().
	Logger *slog.Logger

	limits limits // for tests
}

// TLSFiles names files in PEM.
type TLSFiles struct {
	// Cert and Key are this member's certificate and key, for clients and members. Cert has to name the member; see package
	// httptransport.
	Cert, Key string
	// CA is what the other members' certificates have to be signed by.
	CA string
}

// Enabled says whether any file is named.
func (f TLSFiles) Enabled() bool { return f != TLSFiles{} }

// limits bound what requests may take. Tests make them smaller.
type limits struct {
	requests    int           // at work at the same time, streams and those that need no token apart
	public      int           // at work that need no token
	bodies      int64         // bytes of their bodies
	answers     int64         // bytes of what was read for them
	streams     int           // watches and event streams
	watched     int64         // bytes of what watches have read and not sent
	timeout     time.Duration // of a request that does not say
	maxTimeout  time.Duration
	bodyTimeout time.Duration // of a body, and what its length allows
	answerTime  time.Duration // from the beginning of a request to the end of its answer, streams apart
	writeStall  time.Duration // how long a stream waits for a client that does not read, or for memory
	keepAlive   time.Duration // between signs of life in a stream
	status      time.Duration // between the statuses of /events
	drain       time.Duration // for requests at work when the member is stopped
	linger      time.Duration // between a failure and the end of Serve, for /healthz to tell
}

func (l *limits) setDefaults() {
	setDefault(&l.requests, 8192)
	setDefault(&l.public, 512)
	setDefault(&l.bodies, 256<<20)
	setDefault(&l.answers, 512<<20)
	setDefault(&l.streams, 512)
	setDefault(&l.watched, 256<<20)
	setDefault(&l.timeout, 10*time.Second)
	setDefault(&l.maxTimeout, 60*time.Second)
	setDefault(&l.bodyTimeout, 10*time.Second)
	setDefault(&l.answerTime, 2*time.Minute)
	setDefault(&l.writeStall, 10*time.Second)
	setDefault(&l.keepAlive, 5*time.Second)
	setDefault(&l.status, time.Second)
	setDefault(&l.drain, 5*time.Second)
	setDefault(&l.linger, time.Second)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o *Options) scheme() string {
	if o.TLS.Enabled() {
		return "https"
	}
	return "http"
}

// ErrOptions is what every error about Options themselves is, by errors.Is: to try again with the same ones is of no use.
var ErrOptions = errors.New("the options are wrong")

// An optionsError is an ErrOptions that says the reason alone.
type optionsError struct{ error }

func (e *optionsError) Unwrap() error { return e.error }

// Is makes it an ErrOptions.
func (e *optionsError) Is(target error) bool { return target == ErrOptions }

// complete sets the defaults and says what is wrong.
func (o *Options) complete() error {
	setDefault(&o.Cluster, "kvstore")
	setDefault(&o.Version, "dev")
	setDefault(&o.Tick, 100*time.Millisecond)
	setDefault(&o.Logger, slog.Default())
	o.limits.setDefaults()
	if o.Listener != nil {
		o.Listen = o.Listener.Addr().String()
	}
	if o.Listen != "" {
		setDefault(&o.URL, o.scheme()+"://"+o.Listen)
	}
	if err := errors.Join(o.checkIdentity(), o.checkAddress(), o.checkPeers(), o.checkGuard(), o.checkRest()); err != nil {
		return &optionsError{err}
	}
	return nil
}

// checkGuard sees to it that tokens keep out who has none. Members that show each other no certificates cannot tell another process from
// a member.
func (o *Options) checkGuard() error {
	if o.Tokens == "" || o.TLS.Enabled() || o.OpenPeers {
		return nil
	}
	return errors.New("with --tokens and without a certificate, every process on this machine could act as a member and write without a token: " +
		"give --tls-cert, --tls-key and --tls-ca, or accept that with --open-peers")
}

func (o *Options) checkIdentity() error {
	switch {
	case o.ID == 0:
		return errors.New("the member has no ID: give one from 1 on, that no other member has or had, with --id")
	case !validCluster(o.Cluster):
		return fmt.Errorf("the cluster's name %q must be 1 to 64 letters, digits, '.', '_' and '-'", o.Cluster)
	case o.Dir == "":
		return errors.New("there is no directory for the data: name one with --data")
	}
	return nil
}

func validCluster(name string) bool {
	return name != "" && len(name) <= 64 && strings.IndexFunc(name, func(c rune) bool {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		return !letter && (c < '0' || c > '9') && !strings.ContainsRune("._-", c)
	}) < 0
}

func (o *Options) checkAddress() error {
	if o.Listen == "" {
		return errors.New("there is no address to listen on: give one as host:port with --listen")
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("the address to listen on is %q: give it as host:port: %w", o.Listen, err)
	}
	if !o.TLS.Enabled() && !isLoopback(host) {
		return fmt.Errorf("without a certificate the member listens on loopback addresses only, and %q is none: "+
			"listen on 127.0.0.1, or give --tls-cert, --tls-key and --tls-ca", o.Listen)
	}
	if err := checkMemberURL(o.URL, o.scheme()); err != nil {
		return fmt.Errorf("the advertised URL: %w", err)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// checkMemberURL wants scheme://host:port and nothing more.
func checkMemberURL(text, scheme string) error {
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("%q is no URL: %w", text, err)
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host}
	if u.Scheme != scheme || u.Hostname() == "" || u.Port() == "" || bare.String() != text || len(text) > 512 {
		return fmt.Errorf("%q is not of the form %s://HOST:PORT", text, scheme)
	}
	return errors.Join(checkHost(u.Hostname()), checkPort(u.Port()))
}

// checkHost wants an IP address, or a name of letters, digits, hyphens and underscores in parts that dots separate (RFC 1123,
// §2.1; names of containers have underscores too).
func checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return fmt.Errorf("host %q has a zone, which means nothing to other members: leave it out", host)
		}
		return nil
	}
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, part := range parts {
		if !isHostPart(part) {
			return fmt.Errorf("host %q is neither an IP address nor a name of letters, digits and hyphens, with dots between", host)
		}
	}
	if _, err := parseNumber(parts[len(parts)-1]); err == nil || len(host) > 253 {
		return fmt.Errorf("host %q is no IP address, and no name of at most 253 bytes that ends otherwise than with a number", host)
	}
	return nil
}

func isHostPart(part string) bool {
	return part != "" && len(part) <= 63 && part[0] != '-' && part[len(part)-1] != '-' &&
		strings.IndexFunc(part, func(c rune) bool {
			return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_'
		}) < 0
}

func checkPort(text string) error {
	port, err := parseNumber(text)
	if err != nil || port == 0 || port > math.MaxUint16 || text[0] == '0' {
		return fmt.Errorf("port %q is not a number from 1 to 65535", text)
	}
	return nil
}

func (o *Options) checkPeers() error {
	if len(o.Peers) == 0 {
		if o.Join {
			return nil
		}
		return errors.New("there are no members to begin with: name them with --peers, or join a cluster that exists with --join")
	}
	self := slices.IndexFunc(o.Peers, func(m replica.Member) bool { return m.ID == o.ID })
	if self < 0 {
		return fmt.Errorf("member %d is not among the members that --peers names: name all, itself included", o.ID)
	}
	if o.Peers[self].Address != o.URL {
		return fmt.Errorf("--peers says that member %d is at %s, and --url or --listen that it is at %s: they must be equal",
			o.ID, o.Peers[self].Address, o.URL)
	}
	for _, peer := range o.Peers {
		if err := checkMemberURL(peer.Address, o.scheme()); err != nil {
			return fmt.Errorf("member %d of --peers: %w", peer.ID, err)
		}
	}
	return nil
}

func (o *Options) checkRest() error {
	if o.TLS.Enabled() && (o.TLS.Cert == "" || o.TLS.Key == "" || o.TLS.CA == "") {
		return errors.New("--tls-cert, --tls-key and --tls-ca belong together: give all three")
	}
	if o.Tick < time.Millisecond || o.Tick > time.Minute {
		return fmt.Errorf("the tick %v must be from 1ms to 1m", o.Tick)
	}
	if o.PeerProxy != "" {
		if _, err := proxy.Dialer(o.PeerProxy); err != nil {
			return fmt.Errorf("--peer-proxy: %w", err)
		}
	}
	return nil
}

// ParsePeers reads members as "1=http://127.0.0.1:8401,2=http://127.0.0.1:8402". Spaces around the parts do not count.
func ParsePeers(text string) ([]replica.Member, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var peers []replica.Member
	for part := range strings.SplitSeq(text, ",") {
		name, address, found := strings.Cut(strings.TrimSpace(part), "=")
		id, err := parseNumber(strings.TrimSpace(name))
		if !found || err != nil || id == 0 {
			return nil, fmt.Errorf("%q names no member: write ID=URL, as in 1=http://127.0.0.1:8401", part)
		}
		if slices.ContainsFunc(peers, func(m replica.Member) bool { return m.ID == id }) {
			return nil, fmt.Errorf("member %d is named twice", id)
		}
		peers = append(peers, replica.Member{ID: id, Address: strings.TrimRight(strings.TrimSpace(address), "/")})
	}
	slices.SortFunc(peers, func(a, b replica.Member) int { return cmp.Compare(a.ID, b.ID) })
	return peers, nil
}
