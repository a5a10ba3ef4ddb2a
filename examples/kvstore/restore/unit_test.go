package restore

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"2GB": 2e9, "50MB": 50e6, "1.5KB": 1500, "7": 7, "7B": 7, "512MiB": 512 << 20, "1GiB": 1 << 30, "64KiB": 64 << 10,
	} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "GB", "2XB", "-1MB", "1MB2", "2 GB", "NaN", "1e300GB"} {
		_, err := ParseSize(text)
		require.ErrorContains(t, err, "not a size", text)
	}
}

func TestConfig(t *testing.T) {
	good := Config{Program: "p", Dir: "d", Size: 1 << 20}
	require.NoError(t, good.complete())
	require.Equal(t, 4, good.Writers)
	for name, spoil := range map[string]func(*Config){
		"no program": func(c *Config) { c.Program = "" },
		"too small":  func(c *Config) { c.Size = 1 },
		"values":     func(c *Config) { c.MinValue = 5 << 20 },
		"clients":    func(c *Config) { c.Writers = -1 },
		"rate":       func(c *Config) { c.Rate = -1 },
	} {
		c := Config{Program: "p", Dir: "d", Size: 1 << 20}
		spoil(&c)
		require.Error(t, c.complete(), name)
	}
}

func TestRelayCountsOneDirection(t *testing.T) {
	target, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer target.Close()
	go func() {
		connection, err := target.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		question := make([]byte, 5)
		if _, err := io.ReadFull(connection, question); err == nil {
			_, _ = connection.Write([]byte("a longer answer"))
		}
	}()
	r, err := newRelay(target.Addr().String())
	require.NoError(t, err)
	connection, err := net.Dial("tcp", r.address())
	require.NoError(t, err)
	defer connection.Close()
	_, err = connection.Write([]byte("hello"))
	require.NoError(t, err)
	answer, err := io.ReadAll(connection)
	require.NoError(t, err)
	require.Equal(t, "a longer answer", string(answer))
	require.Equal(t, int64(5), r.received())
	require.NoError(t, r.close())
	_, err = net.Dial("tcp", r.address())
	require.Error(t, err)
}

func TestRelayEndsConnectionsWhenItIsClosed(t *testing.T) {
	target, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer target.Close()
	r, err := newRelay(target.Addr().String())
	require.NoError(t, err)
	connection, err := net.Dial("tcp", r.address())
	require.NoError(t, err)
	defer connection.Close()
	behind, err := target.Accept()
	require.NoError(t, err)
	defer behind.Close()
	require.NoError(t, r.close())
	_, err = connection.Read(make([]byte, 1))
	require.Error(t, err)
}

func TestReportSaysWhatIsWrong(t *testing.T) {
	good := func() Report {
		return Report{
			Bytes: 100, MemoryBound: 10, Transfer: transfer{Bytes: 120}, Writes: writes{Count: 1},
			Memory: []memoryOf{{Member: 1, Filling: 99, Restoring: 10}},
		}
	}
	r := good()
	require.True(t, r.OK())
	for want, spoil := range map[string]func(*Report){
		"beyond the bound":    func(r *Report) { r.Memory[0].Restoring = 11 },
		"member 2 holds":      func(r *Report) { r.Differences = []string{"member 2 holds less"} },
		"writes failed":       func(r *Report) { r.Writes.Failed = 1 },
		"no write was made":   func(r *Report) { r.Writes.Count = 0 },
		"the whole snapshot":  func(r *Report) { r.Transfer.Bytes = 80 },
		"member 1 had 0 MiB ": func(r *Report) { r.Memory[0].Restoring = 1000 },
	} {
		r := good()
		spoil(&r)
		require.False(t, r.OK(), want)
		var text bytes.Buffer
		require.NoError(t, r.Text(&text))
		require.Contains(t, text.String(), want)
		require.Contains(t, text.String(), "FAILED")
	}
}

func TestDataSetKnowsWhatWasAcknowledged(t *testing.T) {
	d := &dataSet{sums: map[string][]byte{}}
	sum := func(text string) []byte { s := sha256.Sum256([]byte(text)); return s[:] }
	d.note("data/000000", []byte("a"), nil)
	require.True(t, d.agrees("data/000000", sum("a")))
	require.False(t, d.agrees("data/000000", sum("b")))
	require.False(t, d.agrees("data/000001", sum("a")), "nobody wrote it")
	require.True(t, d.agrees(padKey(3), sum("anything")))
	d.note("data/000000", []byte("b"), errors.New("no answer"))
	require.True(t, d.agrees("data/000000", sum("a")))
	require.True(t, d.agrees("data/000000", sum("b")))
}

func TestWritesAreSummedUp(t *testing.T) {
	began := time.Now()
	tr := &trickle{began: began, cancel: func() {}}
	for i := range 100 {
		tr.results = append(tr.results, result{at: began.Add(time.Duration(100-i) * time.Second), latency: time.Duration(i), bytes: 2})
	}
	tr.results = append(tr.results, result{at: began.Add(107 * time.Second), latency: 500, bytes: 1})
	tr.errors = []error{errors.New("lost")}
	require.Equal(t, writes{Count: 101, Failed: 1, Bytes: 201, P50: 50, P99: 99, Max: 500, Gap: 7 * time.Second, Example: "lost"}, tr.end())
}
