package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

// What hostile clients can make a member hold in memory. The bounds are generous: what they are to catch is many times as much.

// peakHeap looks at the heap until stop is called, which returns by how many MiB it has grown at most.
func peakHeap() (stop func() uint64) {
	runtime.GC()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	base := heap()
	var peak uint64
	end := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			if now := heap(); now > base {
				peak = max(peak, now-base)
			}
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return func() uint64 {
		close(end)
		looking.Wait()
		return peak >> 20
	}
}

// TestOneBodyTakesASmallMultipleOfItself sends the longest bodies, of the smallest elements and the largest.
func TestOneBodyTakesASmallMultipleOfItself(t *testing.T) {
	a, member := newFakeAPI(t)
	member.err = errors.New("never proposed")
	fill := func(format, part string) string {
		return fmt.Sprintf(format, strings.TrimSuffix(strings.Repeat(part, (maxTxnBody-len(format))/len(part)), ","))
	}
	for name, row := range map[string]struct {
		body, code, want string
	}{
		"compares":   {fill(`{"compare":[%s]}`, `{},`), "bad_request", "at most 128"},
		"operations": {fill(`{"then":[%s]}`, `{},`), "bad_request", "at most 128"},
		"null":       {fill(`{"else":[%s]}`, `null,`), "bad_request", "at most 128"},
		"lists":      {fill(`{%s}`, `"then":[],`), "bad_request", "commas"},
		"fields":     {fill(`{"then":[{%s}]}`, `"put":{},`), "bad_request", "commas"},
		"foreign":    {fill(`{%s}`, `"a":0,`), "bad_request", "commas"},
		"a name":     {fill(`{"%s":1}`, `a`), "bad_request", "there is no field"},
		"a number":   {fill(`{"compare":[{"key":"a","target":"rev","rev":%s}]}`, `1`), "bad_request", "not the JSON"},
		"a target":   {fill(`{"compare":[{"key":"a","target":"%s"}]}`, `\u0001`), "bad_request", "use value"},
		"a value":    {fill(`{"then":[{"put":{"key":"a","value":"%s"}}]}`, `v`), "too_large", "4194304"},
		"values":     {fill(`{"then":[%s]}`, `{"put":{"key":"a","value":"`+strings.Repeat("v", 200_000)+`"}},`), "too_large", ""},
	} {
		stop := peakHeap()
		got := ask(a, "POST /txn", row.body)
		grown := stop()
		require.Equal(t, row.code, got.code(), "%s: %.300s", name, got.text())
		require.Contains(t, got.text(), row.want, name)
		require.Less(t, len(got.body), 5000, name)
		require.Less(t, grown, uint64(320), "%s: MiB for a body of %d", name, len(row.body)>>20)
	}
	require.Zero(t, a.bodies.used.Load())
}

// TestAllOfATransactionFits sends the transaction with the most elements, each with all fields.
func TestAllOfATransactionFits(t *testing.T) {
	repeat := func(part string) string { return strings.TrimSuffix(strings.Repeat(part+",", store.MaxOps), ",") }
	ops := repeat(`{"put":{"key":"a","key64":null,"value":"v","base64":false},"get":null,"delete":null}`)
	compares := repeat(`{"key":"a","key64":null,"target":"rev","op":"=","value":null,"base64":false,"rev":1,"created":null,"version":null,"exists":null}`)
	command, err := parseTxn([]byte(`{"compare":[` + compares + `],"then":[` + ops + `],"else":[` + ops + `]}`))
	require.NoError(t, err)
	require.Len(t, command.Then, store.MaxOps)
	require.Len(t, command.Else, store.MaxOps)
	require.Len(t, command.Compares, store.MaxCompares)
}

// TestLargeBodiesAreDecodedOneAfterTheOther holds all of the places, with less time than it would take until one is free.
func TestLargeBodiesAreDecodedOneAfterTheOther(t *testing.T) {
	a, _ := newFakeAPI(t)
	for range decodersAtOnce {
		require.NoError(t, a.decoding.enter(t.Context()))
	}
	large := `{"then":[{"put":{"key":"a","value":"` + strings.Repeat("v", largeBody) + `"}}]}`
	got := ask(a, "POST /txn", large, "X-Request-Timeout", "20ms")
	require.Equal(t, "unavailable", got.code(), "it was not applied: %s", got.text())
	a.writes.(*fakeMember).err = replica.ErrNoLeader
	require.Equal(t, "no_leader", ask(a, "POST /txn", "{}").code())
	a.decoding.leave()
	require.Equal(t, "no_leader", ask(a, "POST /txn", large).code())
}

// TestAnswersOfTransactionsAreBounded sends many small ones whose gets return much.
func TestAnswersOfTransactionsAreBounded(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.answers = 16 << 20 })
	for _, key := range []string{"a", "b"} {
		c.put(1, key, strings.Repeat("v", 4<<20-100))
	}
	answers := &c.members[1].server.api.answers
	require.True(t, answers.acquire(10<<20), "somebody reads slowly")
	stop := peakHeap()
	var asking sync.WaitGroup
	var refused atomic.Int64
	for range 32 {
		asking.Go(func() {
			a, err := c.try(1, "POST", "/txn", `{"then":[{"get":{"key":"a"}},{"get":{"key":"b"}}]}`)
			if err == nil && a.code() == "busy" {
				refused.Add(1)
			}
		})
	}
	asking.Wait()
	require.EqualValues(t, 32, refused.Load())
	require.Less(t, stop(), uint64(200), "MiB, where the answers have 256")
	require.Equal(t, 200, c.do(1, "POST", "/txn", `{"then":[{"get":{"key":"a"}}]}`).status, "there is room for this one")
	require.Equal(t, 200, c.do(1, "POST", "/txn", `{"then":[{"put":{"key":"c","value":"1"}}]}`).status)
	answers.release(10 << 20)
	all := c.do(1, "POST", "/txn", `{"then":[{"get":{"key":"a"}},{"get":{"key":"b"}}]}`)
	require.Equal(t, 200, all.status)
	require.Greater(t, len(all.body), 8<<20-1000)
	require.Eventually(t, func() bool { return answers.used.Load() == 0 }, patience, time.Millisecond)
}

// TestEstimatesOfGets looks at what is set aside before a transaction is proposed.
func TestEstimatesOfGets(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.put(1, "a", strings.Repeat("v", 1000))
	for body, want := range map[string]int64{
		`{}`: 0,
		`{"then":[{"put":{"key":"a","value":"v"}},{"delete":{"key":"a"}}]}`:         0,
		`{"then":[{"get":{"key":"none"}}]}`:                                         itemOverhead,
		`{"then":[{"get":{"key":"a"}},{"get":{"key":"a"}}]}`:                        2000 + 2*itemOverhead,
		`{"then":[{"get":{"key":"none"}}],"else":[{"get":{"key":"a"}}]}`:            1000 + itemOverhead,
		`{"then":[{"put":{"key":"a","value":"12345"}},{"get":{"key":"a"}}]}`:        5 + itemOverhead,
		`{"then":[{"get":{"key":"a"}},{"delete":{"key":"a"}},{"get":{"key":"a"}}]}`: 1000 + 2*itemOverhead,
	} {
		command, err := parseTxn([]byte(body))
		require.NoError(t, err)
		a := c.members[1].server.api
		held, err := a.reserveGets(command)
		require.NoError(t, err)
		require.Equal(t, want, held.held, body)
		held.release()
		require.Zero(t, a.answers.used.Load())
	}
}

// TestValuesThatHaveGrown lets the values of a transaction become larger than what was set aside for them.
func TestValuesThatHaveGrown(t *testing.T) {
	for name, row := range map[string]struct {
		changed bool
		others  int64
		want    string
	}{
		"there is room":        {true, 0, `200 "value":"vvvv`},
		"there is none":        {true, 99 << 20, `200 "omitted":true`},
		"none, but no changes": {false, 99 << 20, `429 "code":"busy"`},
	} {
		a, member := newFakeAPI(t)
		result := store.Result{Code: store.CodeOK, Rev: 3, Changed: row.changed, Ops: []store.OpResult{
			{Kind: store.OpPut, Rev: 3}, {Kind: store.OpGet, Exists: true, Rev: 2, Value: []byte(strings.Repeat("v", 4<<20))},
		}}
		member.propose = func(context.Context, []byte) (replica.Result, error) {
			return replica.Result{Data: result.Append(nil)}, nil
		}
		require.True(t, a.answers.acquire(row.others))
		got := ask(a, "POST /txn", `{"then":[{"put":{"key":"b","value":"1"}},{"get":{"key":"a"}}]}`)
		status, part, _ := strings.Cut(row.want, " ")
		require.Equal(t, status, fmt.Sprint(got.status), "%s: %.200s", name, got.text())
		require.Contains(t, got.text(), part, name)
		require.Equal(t, row.others, a.answers.used.Load(), name)
	}
}

// TestWatchersThatDoNotReadShareABudget has many watch a value whose JSON is six times as large.
func TestWatchersThatDoNotReadShareABudget(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.watched, o.limits.writeStall = 16<<20, 2*patience })
	rev := c.put(1, "a", strings.Repeat("\x01", 4<<20))
	watched := &c.members[1].server.api.watched
	stop := peakHeap()
	var conns []net.Conn
	for range 32 {
		conn := dial(t, c.members[1].server.listener.Addr().String())
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(16<<10))
		_, err := fmt.Fprintf(conn, "GET /watch?from=%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", rev)
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	streams := &c.members[1].server.api.streams
	require.Eventually(t, func() bool { return streams.used.Load() == 32 && watched.used.Load() > 8<<20 }, patience, time.Millisecond,
		"%d streams, %d bytes", streams.used.Load(), watched.used.Load())
	for range 100 {
		require.LessOrEqual(t, watched.used.Load(), watched.bound)
		time.Sleep(10 * time.Millisecond)
	}
	require.Less(t, stop(), uint64(250), "MiB, where all their values have 128 and the JSON 768")
	for _, conn := range conns {
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return watched.used.Load() == 0 && streams.used.Load() == 0 }, patience, time.Millisecond)
	s, err := c.openStream(1, fmt.Sprintf("/watch?from=%d", rev))
	require.NoError(t, err)
	defer s.close()
	s.lines.Buffer(nil, 32<<20)
	_, body := s.change(t)
	require.Len(t, *body.Value, 4<<20)
}

// TestWatchWithoutRoomEndsAndGoesOn takes all of the memory for watches, and gives it back later.
func TestWatchWithoutRoomEndsAndGoesOn(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.writeStall, o.limits.keepAlive = 300*time.Millisecond, 20*time.Millisecond })
	rev := c.put(1, "a", "before")
	watched := &c.members[1].server.api.watched
	source := &eventSource{t: t, c: c, path: fmt.Sprintf("/watch?from=%d", rev)}
	for len(source.events) == 0 { // a stream may end early, as its client has little time for what is sent
		source.follow(1, func(e sseEvent) bool { return e.kind == "put" })
	}
	require.Eventually(t, func() bool { return watched.used.Load() == 0 }, patience, time.Millisecond)
	require.True(t, watched.acquire(watched.bound))
	c.put(1, "b", "then")
	source.follow(1, func(sseEvent) bool { return false }) // ends by itself
	require.Equal(t, []string{fmt.Sprintf("%d.0", rev)}, source.events)
	watched.release(watched.bound)
	for len(source.events) < 2 {
		source.follow(1, func(sseEvent) bool { return len(source.events) == 2 })
	}
	require.Equal(t, fmt.Sprintf("%d.0", rev+1), source.events[1])
}

// TestWatchThatReadsSlowlyGetsAll takes a large event in little bits: more slowly than it has time for all of it, but steadily.
func TestWatchThatReadsSlowlyGetsAll(t *testing.T) {
	const stall = 2 * time.Second
	c := newCluster(t, 1, func(o *Options) { o.limits.writeStall = stall })
	rev := c.put(1, "a", strings.Repeat("\x01", 2<<20))
	conn := dial(t, c.members[1].server.listener.Addr().String())
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(32<<10))
	_, err := fmt.Fprintf(conn, "GET /watch?from=%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", rev)
	require.NoError(t, err)
	buffer := make([]byte, 64<<10)
	const all = 12 << 20
	for total := 0; total < all; {
		n, err := conn.Read(buffer)
		require.NoError(t, err, "after %d bytes", total)
		total += n
		time.Sleep(time.Duration(n) * 2 * stall / all) // twice as long for all of it
	}
	require.NoError(t, conn.Close())
}
