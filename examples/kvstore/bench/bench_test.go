package bench

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

// memory is a store in memory. Its hook sees each put, by its number from 1, and may change what becomes of it.
type memory struct {
	mu   sync.Mutex
	data map[string][]byte
	puts int
	hook func(put int, key string, value []byte) (stored []byte, err error)
	meet func(value []byte) // called by each put before anything else, unless nil
	slow time.Duration      // how long the first get takes
}

func (m *memory) Put(_ context.Context, key string, value []byte, _ ...client.WriteOption) (client.PutResult, error) {
	if m.meet != nil {
		m.meet(value)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	if m.hook == nil {
		m.data[key] = value
		return client.PutResult{}, nil
	}
	stored, err := m.hook(m.puts, key, value)
	if stored != nil {
		m.data[key] = stored
	}
	return client.PutResult{}, err
}

func (m *memory) Get(_ context.Context, key string, _ ...client.ReadOption) (client.Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	time.Sleep(m.slow)
	m.slow = 0
	value, ok := m.data[key]
	if !ok {
		return client.Value{}, &client.Error{Status: 404, Code: "not_found"}
	}
	return client.Value{Data: value}, nil
}

func (m *memory) All(_ context.Context, options client.ListOptions) iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		var keys []string
		for key := range m.data {
			if strings.HasPrefix(key, options.Prefix) {
				keys = append(keys, key)
			}
		}
		sort.Strings(keys)
		for _, key := range keys {
			if !yield(client.Item{Key: key, Value: m.data[key]}, nil) {
				return
			}
		}
	}
}

func config(ops int64) Config {
	return Config{Clients: 4, Ops: ops, Size: 128, Keys: 40, Prefix: "b/", Verify: true, Run: "R1", Seed: 7}
}

// inStep has each client make as many of its first puts as the others: nothing takes time here, so that one client could make all the
// load before the others begin.
func inStep(clients, puts int) func(value []byte) {
	var mu sync.Mutex
	made := map[int]int{}
	more := sync.NewCond(&mu)
	reached := func(n int) bool {
		for id := range clients {
			if made[id] < n {
				return false
			}
		}
		return true
	}
	return func(value []byte) {
		s, err := parseStamp(value)
		if err != nil {
			panic(err)
		}
		mu.Lock()
		defer mu.Unlock()
		made[s.writer]++
		more.Broadcast()
		for n := made[s.writer]; !reached(min(n, puts)); {
			more.Wait()
		}
	}
}

func TestLoadThatIsKeptIsVerified(t *testing.T) {
	c := config(2000)
	c.Reads = 0.5
	store := &memory{data: map[string][]byte{"b/junk": nil, "b/99999999": nil}, meet: inStep(c.Clients, 20)}
	var last Progress
	report, err := Run(t.Context(), store, c, func(p Progress) { last = p })
	require.NoError(t, err)
	require.True(t, report.OK(), "%v", report.Examples)
	require.True(t, report.Complete)
	require.EqualValues(t, 2000, report.Put.Count+report.Get.Count)
	require.InDelta(t, 1000, report.Put.Count, 200)
	require.Greater(t, report.Verified, int64(20), "every client has written")
	require.Equal(t, "verify", last.Phase)
	require.Positive(t, report.Put.Latency.P999)
	require.GreaterOrEqual(t, report.Put.Latency.Max, report.Put.Latency.P50)

	c.Run = "R2" // the values of the first run stand where this one does not write
	c.Ops, c.Reads = 20, 0
	report, err = Run(t.Context(), store, c, nil)
	require.NoError(t, err)
	require.True(t, report.OK(), "%v", report.Examples)
	require.Less(t, report.Verified, int64(21))
}

// The 150th put is acknowledged and spoilt. Nothing is written to its key later, so only the verification can notice.
func TestVerificationFindsWhatWasNotKept(t *testing.T) {
	other := stamp{run: "R1", writer: 1, key: 1, seq: 1}.encode(128)
	late := func(value []byte, seq uint64) []byte {
		s, err := parseStamp(value)
		if err != nil {
			panic(err)
		}
		s.seq = seq
		return s.encode(128)
	}
	spoils := map[verdict]func(m *memory, key string, value []byte){
		lost:    func(m *memory, key string, _ []byte) { delete(m.data, key) },
		stale:   func(m *memory, key string, value []byte) { m.data[key] = late(value, 0) },
		torn:    func(m *memory, key string, value []byte) { m.data[key] = append(value[:60:60], value[61:]...) },
		foreign: func(m *memory, key string, _ []byte) { m.data[key] = other },
	}
	for kind, spoil := range spoils {
		t.Run(string(kind), func(t *testing.T) {
			store := &memory{data: map[string][]byte{}}
			spoilt := ""
			store.hook = func(put int, key string, value []byte) ([]byte, error) {
				if put >= 150 && spoilt == "" && key != "b/00000001" {
					spoilt = key
				}
				if key != spoilt {
					return value, nil
				}
				spoil(store, key, value)
				return nil, nil
			}
			report, err := Run(t.Context(), store, config(300), nil)
			require.NoError(t, err)
			require.False(t, report.OK())
			require.Equal(t, map[string]int64{string(kind): 1}, report.Faults, "%v", report.Examples)
			require.Equal(t, spoilt, report.Examples[0].Key)
			var text bytes.Buffer
			require.NoError(t, report.Text(&text))
			require.Contains(t, text.String(), "VERIFICATION FAILED: 1 "+string(kind))
		})
	}
}

func TestReadsUnderLoadAreChecked(t *testing.T) {
	store := &memory{data: map[string][]byte{}}
	store.hook = func(_ int, _ string, value []byte) ([]byte, error) {
		return value[1:], nil
	}
	c := config(400)
	c.Reads, c.Verify = 0.5, false
	report, err := Run(t.Context(), store, c, nil)
	require.NoError(t, err)
	require.False(t, report.OK())
	require.Positive(t, report.Faults["torn"])
}

// A write whose outcome is unknown may stand or not, and is repeated as it was.
func TestUnknownOutcomesMayStandOrNot(t *testing.T) {
	for _, applied := range []bool{false, true} {
		store := &memory{data: map[string][]byte{}}
		failed := map[string]string{}
		store.hook = func(put int, key string, value []byte) ([]byte, error) {
			if earlier := failed[key]; earlier != "" && earlier != string(value) {
				t.Errorf("the write of %s was not repeated as it was", key)
			}
			delete(failed, key)
			if put%3 != 0 {
				return value, nil
			}
			failed[key] = string(value)
			if !applied {
				value = nil
			}
			return value, fmt.Errorf("%w: %w", client.ErrUnknownOutcome, client.ErrTimeout)
		}
		report, err := Run(t.Context(), store, config(500), nil)
		require.NoError(t, err)
		require.True(t, report.OK(), "%v", report.Examples)
		require.Equal(t, report.Put.Errors, report.Errors["timeout"])
		require.EqualValues(t, 500/3, report.Put.Errors)
	}
}

func TestSameSeedIsTheSameLoad(t *testing.T) {
	load := func(seed uint64) []string {
		store := &memory{data: map[string][]byte{}}
		var log []string
		store.hook = func(_ int, key string, value []byte) ([]byte, error) {
			log = append(log, key+string(value))
			return value, nil
		}
		c := config(50)
		c.Clients, c.Seed = 1, seed
		_, err := Run(t.Context(), store, c, nil)
		require.NoError(t, err)
		return log
	}
	require.Equal(t, load(1), load(1))
	require.NotEqual(t, load(1), load(2))
}

// While the one client waits for a slow answer, other requests become due; their latency counts from then.
func TestOpenLoopDoesNotOmitWhatWaited(t *testing.T) {
	const stall = 200 * time.Millisecond
	for rate, late := range map[float64]bool{0: false, 1000: true} {
		c := Config{Clients: 1, Ops: 100, Size: 128, Keys: 10, Reads: 1, Rate: rate, Run: "R1", Prefix: "b/"}
		report, err := Run(t.Context(), &memory{data: map[string][]byte{}, slow: stall}, c, nil)
		require.NoError(t, err)
		require.GreaterOrEqual(t, report.Get.Latency.Max, 200.0)
		if late {
			require.GreaterOrEqual(t, report.Get.Latency.P50, 100.0)
		}
	}
}

func TestOpenLoopTellsWhatItMissed(t *testing.T) {
	c := Config{Clients: 1, Duration: 50 * time.Millisecond, Size: 128, Keys: 10, Reads: 1, Rate: 10000, Run: "R1"}
	report, err := Run(t.Context(), &memory{data: map[string][]byte{}, slow: 100 * time.Millisecond}, c, nil)
	require.NoError(t, err)
	require.EqualValues(t, 500, report.Missed+report.Get.Count)
	require.Positive(t, report.Missed)
}

func TestInterruptedLoadIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store := &memory{data: map[string][]byte{}}
	store.hook = func(put int, _ string, value []byte) ([]byte, error) {
		if put == 100 {
			cancel()
		}
		return value, nil
	}
	report, err := Run(ctx, store, config(1_000_000_000), nil)
	require.NoError(t, err)
	require.True(t, report.Interrupted)
	require.False(t, report.Complete)
}

// A store that takes nothing holds all that it acknowledged: that is no success all the same.
func TestALoadOfErrorsIsNoSuccess(t *testing.T) {
	store := &memory{data: map[string][]byte{}}
	refused := 100
	store.hook = func(put int, _ string, value []byte) ([]byte, error) {
		if put > refused {
			return value, nil
		}
		return nil, &client.Error{Status: 503, Code: "unavailable"}
	}
	report, err := Run(t.Context(), store, config(100), nil)
	require.NoError(t, err)
	require.True(t, report.NothingSucceeded())
	require.EqualValues(t, 100, report.Errors["unavailable"])
	var text bytes.Buffer
	require.NoError(t, report.Text(&text))
	require.Contains(t, text.String(), "not one request has succeeded")
	require.NotContains(t, text.String(), "verified")

	store.puts, refused = 0, 99
	report, err = Run(t.Context(), store, config(100), nil)
	require.NoError(t, err)
	require.False(t, report.NothingSucceeded(), "single errors are no failure of the run")
	require.True(t, report.Complete)
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"clients: there are":    func(c *Config) { c.Clients = 0 },
		"is negative":           func(c *Config) { c.Rate = -1 },
		"give one of them":      func(c *Config) { c.Duration = time.Second },
		"values of 64 bytes":    func(c *Config) { c.Size = 64 },
		"each client needs one": func(c *Config) { c.Keys = 3 },
		"it is 0.0 to 1.0":      func(c *Config) { c.Reads = 1.5 },
		"name":                  func(c *Config) { c.Run = "" },
		"unknown consistency":   func(c *Config) { c.Consistency = "best" },
	} {
		c := config(10)
		change(&c)
		_, err := Run(t.Context(), &memory{}, c, nil)
		require.ErrorContains(t, err, want)
	}
}

func TestStamps(t *testing.T) {
	for _, s := range []stamp{
		{run: "A", writer: 0, key: 0, seq: 0},
		{run: "ABCDEFGHIJKLMNOP", writer: 99_999, key: MaxKeys - 1, seq: 1<<63 + 1},
	} {
		for _, size := range []int{MinSize, 113, 4096} {
			value := s.encode(size)
			require.Len(t, value, size)
			got, err := parseStamp(value)
			require.NoError(t, err)
			require.Equal(t, s, got)
			for _, i := range []int{0, 30, size - 9, size - 1} {
				value[i] ^= 1
				_, err = parseStamp(value)
				require.Error(t, err, "bit at %d", i)
				value[i] ^= 1
			}
		}
	}
	_, err := parseStamp([]byte("short"))
	require.ErrorContains(t, err, "only 5 bytes")
}
