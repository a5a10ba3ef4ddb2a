package httptransport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// What a transport is configured with, and the errors that callers can tell apart.

// Options configure a Transport. Zero values stand for the defaults that are given.
type Options struct {
	// ID is the identity of this host. Not zero.
	ID uint64
	// ClusterID names the cluster: hosts of different ones refuse each other. 1 to 64 letters, digits, '.', '_' and '-'.
	ClusterID string

	// Address is where this host is reached, as others would give it to SetPeer. It is told to hosts that are connected to, so
	// that one that was given no address, such as a new member, can answer. Empty: it is not told.
	Address string

	// TLS is how peers are talked to, and that those who connect must have shown a certificate that the server verified.
	// RootCAs, and Certificates or GetClientCertificate, are what the client side uses. The listener's configuration is the
	// application's; TLSFiles makes one that serves as both. Nil for no encryption, which is for loopback and tests.
	TLS *tls.Config
	// Authorize decides, under TLS, whether a verified certificate is that of host id. It is asked in both directions:
	// about who connects, and about who is connected to. The default wants the URI MemberURI(ClusterID, id) among the
	// certificate's alternative names. It may be called from any goroutine.
	Authorize func(id uint64, cert *x509.Certificate) error

	// MaxQueueBytes bounds what waits for a peer, encoded. 64 MiB, at least MaxFrameBytes.
	MaxQueueBytes int
	// MaxFrameBytes bounds a frame, and so a message, in both directions. It must be the same on all hosts.
	// 32 MiB, at least 64 KiB, at most 1 GiB.
	MaxFrameBytes int
	// MaxStreams bounds the streams of messages that other hosts have open to this one. 256.
	MaxStreams int
	// MaxSnapshots bounds the snapshots that are sent, and those that are received, at the same time. 8.
	MaxSnapshots int
	// MaxSnapshotChunk bounds a chunk of a snapshot, in both directions. It must be the same on all hosts.
	// 1 MiB, at most 64 MiB.
	MaxSnapshotChunk int
	// MaxSnapshotBytesPerSecond bounds the rate at which this host sends snapshots, all together. 0 for no bound.
	MaxSnapshotBytesPerSecond int64
	// SnapshotTimeout is after how long without progress a snapshot is given up by its sender, and what arrived of it
	// is put aside by its receiver. 1 minute.
	SnapshotTimeout time.Duration

	// BackoffMin and BackoffMax are how long to wait before connecting again: at first, and at most. The delay doubles from
	// one to the other, with up to a half of it taken off at random. 50 ms and 1 s.
	BackoffMin, BackoffMax time.Duration
	// Keepalive is how often each stream is probed. 1 s.
	Keepalive time.Duration
	// StreamIdle is after how long without a sign of life a stream is ended, by either side, and how long connecting may
	// take. 5 s, at least twice Keepalive.
	StreamIdle time.Duration

	// Dial connects to an address, instead of a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger. slog.Default().
	Logger *slog.Logger
}

// Errors of Send, of OutgoingSnapshot.Done and of New, to be told apart with errors.Is.
var (
	// ErrUnknownPeer says that no address was given for the host: call SetPeer.
	ErrUnknownPeer = errors.New("the address of the host is not known, call SetPeer")
	// ErrQueueFull says that MaxQueueBytes wait for the host already.
	ErrQueueFull = errors.New("the queue for the host is full, it receives more slowly than is sent")
	// ErrTooLarge says that a message does not fit into MaxFrameBytes.
	ErrTooLarge = errors.New("the message exceeds MaxFrameBytes")
	// ErrNotForPeers says that a message is a local one, or for another host.
	ErrNotForPeers = errors.New("the message is a local one or for another host")
	// ErrClosed says that the transport was closed.
	ErrClosed = errors.New("the transport is closed")
	// ErrNoProgress says that a snapshot was given up after SnapshotTimeout.
	ErrNoProgress = errors.New("the snapshot made no progress")
)

// Bounds that are not configurable.
const (
	maxClusterID    = 64
	minFrameBytes   = 64 << 10
	maxFrameBytes   = 1 << 30
	maxChunkBytes   = 64 << 20
	minBytesPerSec  = 64 << 10 // what takes longer to arrive is given up
	maxHeaderBytes  = 64 << 10 // of HTTP
	maxMessageBytes = 1 << 20  // of the message of a snapshot, which bears no data
	maxAttemptID    = 64
	maxErrorBytes   = 4 << 10 // of a text that says why something was refused
)

func (o Options) withDefaults() Options {
	setDefault(&o.MaxFrameBytes, 32<<20)
	setDefault(&o.MaxQueueBytes, max(64<<20, o.MaxFrameBytes))
	setDefault(&o.MaxStreams, 256)
	setDefault(&o.MaxSnapshots, 8)
	setDefault(&o.MaxSnapshotChunk, 1<<20)
	setDefault(&o.SnapshotTimeout, time.Minute)
	setDefault(&o.BackoffMin, 50*time.Millisecond)
	setDefault(&o.BackoffMax, max(time.Second, o.BackoffMin))
	setDefault(&o.Keepalive, time.Second)
	setDefault(&o.StreamIdle, max(5*time.Second, 2*o.Keepalive))
	if o.TLS != nil {
		o.TLS = o.TLS.Clone() // a server that is given the same one modifies it when it starts
	}
	if o.Authorize == nil {
		o.Authorize = authorizeURI(o.ClusterID)
	}
	if o.Dial == nil {
		dialer := &net.Dialer{KeepAlive: 15 * time.Second}
		o.Dial = dialer.DialContext
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func setDefault[T int | time.Duration](value *T, byDefault T) {
	if *value == 0 {
		*value = byDefault
	}
}

// validate says what is wrong with options that have their defaults.
func (o *Options) validate() error {
	switch {
	case o.ID == 0:
		return errors.New("httptransport: Options.ID is zero, give each host an ID of its own")
	case !validClusterID(o.ClusterID):
		return fmt.Errorf("httptransport: Options.ClusterID %q must be 1 to %d letters, digits, '.', '_' and '-'", o.ClusterID, maxClusterID)
	case o.MaxFrameBytes < minFrameBytes || o.MaxFrameBytes > maxFrameBytes:
		return fmt.Errorf("httptransport: Options.MaxFrameBytes %d is not within [%d, %d]", o.MaxFrameBytes, minFrameBytes, maxFrameBytes)
	case o.MaxQueueBytes < o.MaxFrameBytes:
		return fmt.Errorf("httptransport: Options.MaxQueueBytes %d is less than MaxFrameBytes %d", o.MaxQueueBytes, o.MaxFrameBytes)
	case o.MaxStreams < 0 || o.MaxSnapshots < 0:
		return errors.New("httptransport: Options.MaxStreams and MaxSnapshots must not be negative")
	case o.MaxSnapshotChunk < 0 || o.MaxSnapshotChunk > maxChunkBytes:
		return fmt.Errorf("httptransport: Options.MaxSnapshotChunk %d is not within [1, %d]", o.MaxSnapshotChunk, maxChunkBytes)
	case o.MaxSnapshotBytesPerSecond < 0:
		return errors.New("httptransport: Options.MaxSnapshotBytesPerSecond must not be negative")
	case o.BackoffMin < 0 || o.BackoffMax < o.BackoffMin:
		return fmt.Errorf("httptransport: Options.BackoffMin %v and BackoffMax %v are not in order", o.BackoffMin, o.BackoffMax)
	case o.Keepalive < 0 || o.StreamIdle < 2*o.Keepalive || o.SnapshotTimeout < 0:
		return fmt.Errorf("httptransport: Options.StreamIdle %v must be at least twice Keepalive %v, and no duration negative",
			o.StreamIdle, o.Keepalive)
	}
	return nil
}

func validClusterID(id string) bool {
	if id == "" || len(id) > maxClusterID {
		return false
	}
	for _, c := range []byte(id) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// allowance is how long n bytes may take to arrive.
func (o *Options) allowance(n int) time.Duration {
	return o.StreamIdle + time.Duration(n)*time.Second/minBytesPerSec
}
