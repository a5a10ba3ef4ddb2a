package raft

import (
	"io"
	"log"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program may trace its campaigns, and find that it does not.
func TestTraceLoggerIsAcceptedAndNeverCalled(t *testing.T) {
	require.False(t, StateTraceDeployed)
	config := &Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: NewMemoryStorage(), MaxInflightMsgs: 1,
		Logger: DiscardLogger{}, TraceLogger: func(TracingEvent) { t.Error("it was called") },
	}
	rn, err := NewRawNode(config)
	require.NoError(t, err)
	require.NoError(t, rn.Bootstrap([]Peer{{ID: 1}}))
	require.True(t, rn.HasReady())
}

// The lineage's DefaultLogger can be compared with ==, so a program may do so.
func TestDefaultLoggersCanBeCompared(t *testing.T) {
	first, second := log.New(io.Discard, "", 0), log.New(io.Discard, "", 0)
	require.True(t, same(DefaultLogger{Logger: first}, DefaultLogger{Logger: first}))
	require.False(t, same(DefaultLogger{Logger: first}, DefaultLogger{Logger: second}))
}

func same[T comparable](a, b T) bool { return a == b }
