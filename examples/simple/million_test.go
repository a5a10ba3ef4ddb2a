package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
)

var million = flag.Bool("million", false, "have TestMillion pipe in a million puts instead of 20000")

// TestMillion pipes in puts and dels, with reads, faults and membership changes in between, and compares every answer,
// and at the end the state of every replica, with what the input says. Run it whole with go test -run Million -million.
func TestMillion(t *testing.T) {
	puts, rounds := 20_000, 12
	if *million {
		puts, rounds = 1_000_000, 60
	}
	w := &workload{rnd: rand.New(rand.NewPCG(1, uint64(puts))), want: map[string]string{}, once: newStore(), keys: puts / 10}
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		in := bufio.NewWriter(inW)
		w.write(in, puts, rounds)
		in.Flush()
		inW.Close()
	}()
	d, err := newDemo(options{replicas: 3, timeout: time.Minute, verify: true, logger: raft.DiscardLogger{}}, outW, errorsTo{t})
	require.NoError(t, err)
	defer d.close()
	start := time.Now()
	ok := make(chan bool, 1)
	go func() {
		ok <- d.run(inR)
		outW.Close()
	}()
	answers, last := readAnswers(outR)
	<-written
	require.True(t, <-ok)
	require.Equal(t, w.answers, answers[:min(len(answers), len(w.answers))])
	require.Equal(t, "verified: replicas 1, 2, 3 are in the same state", last)
	checkReplicas(t, d, w)
	t.Logf("%d puts in %v", puts, time.Since(start))
}

// checkReplicas compares the state of every replica with what is wanted, and the length of its log with its bound.
func checkReplicas(t *testing.T, d *demo, w *workload) {
	require.Len(t, d.cluster.replicas, 3)
	for id, r := range d.cluster.replicas {
		var got *store
		require.True(t, r.do(func() { got = r.store }))
		r.crash() // so that nobody writes to the store any more
		require.Equal(t, w.once.digest(), got.digest(), "replica %d", id)
		require.True(t, maps.Equal(w.want, contents(t, got)), "replica %d", id)
		first, err := r.disk.FirstIndex()
		require.NoError(t, err)
		last, err := r.disk.LastIndex()
		require.NoError(t, err)
		const entrySize = 20 // at least
		require.Less(t, (last-first)*entrySize, uint64(2*(snapshotBytes+len(got.encode()))+1<<20), "the log of replica %d", id)
		t.Logf("replica %d: %d changes, %d keys; log from %d to %d", id, got.last, len(got.pairs), first, last)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("memory: %d MB obtained from the system", m.Sys>>20)
}

// readAnswers returns a digest of the answers: consecutive equal ones as one, with their number. The lines of the
// status at the end, and the verdict, come separately.
func readAnswers(out io.Reader) (answers []string, last string) {
	lines := bufio.NewScanner(out)
	var a answerLog
	for lines.Scan() {
		last = lines.Text()
		a.add(last)
	}
	return a.entries(), last
}

// answerLog holds answers, runs of equal ones as one.
type answerLog struct {
	done  []string
	last  string
	count int
}

func (a *answerLog) add(text string) {
	if text != a.last {
		a.done = a.entries()
		a.last, a.count = text, 0
	}
	a.count++
}

func (a *answerLog) entries() []string {
	if a.count == 0 {
		return a.done
	}
	return append(a.done, fmt.Sprintf("%d x %s", a.count, a.last))
}

// errorsTo fails the test if anything is written to it.
type errorsTo struct{ t *testing.T }

func (e errorsTo) Write(p []byte) (int, error) {
	e.t.Errorf("error written: %s", p)
	return len(p), nil
}

// workload is an input, and what is to come of it.
type workload struct {
	rnd     *rand.Rand
	keys    int
	in      *bufio.Writer
	want    map[string]string
	once    *store // with every change made once, in order
	log     answerLog
	answers []string
}

// write writes rounds of commands with as many puts in all.
func (w *workload) write(in *bufio.Writer, puts, rounds int) {
	w.in = in
	for round := range rounds {
		w.round(round, puts*(round+1)/rounds-puts*round/rounds)
	}
	w.answers = w.log.entries()
}

// round does something to the cluster, makes changes, and undoes it. Faults never leave a minority for long.
func (w *workload) round(round, puts int) {
	id := 1 + w.rnd.IntN(3)
	w.puts(puts / 3)
	switch round % 6 {
	case 0, 1:
		w.command("crash N", "replica N crashed", id)
		w.puts(puts / 3)
		w.command("restart N", "replica N restarted", id)
	case 2:
		w.command("transfer N", "replica N leads", id)
		w.command("crash N", "replica N crashed", id)
		w.puts(puts / 3)
		w.command("restart N", "replica N restarted", id)
	case 3:
		w.command("transfer N", "replica N leads", id)
		w.command("partition N", "replica N cut off", id)
		w.puts(puts / 3)
		w.get()
		w.line("heal", "network healed")
	case 4:
		for id := range 3 {
			w.command("crash N", "replica N crashed", id+1)
		}
		w.puts(20)
		for id := range 3 {
			w.command("restart N", "replica N restarted", id+1)
		}
		w.puts(puts/3 - 20)
	case 5:
		w.command("remove N", "replica N removed", id)
		w.puts(puts / 3)
		w.command("add N", "replica N added", id)
		w.once.last += 2
	}
	w.puts(puts - 2*(puts/3))
	w.get()
}

// command writes a command, and takes note of its answer. The id is put in the place of N in both.
func (w *workload) command(input, answer string, id int) {
	number := strconv.Itoa(id)
	w.line(strings.Replace(input, "N", number, 1), strings.Replace(answer, "N", number, 1))
}

func (w *workload) line(input, answer string) {
	w.in.WriteString(input)
	w.in.WriteByte('\n')
	w.log.add(answer)
}

// puts puts some keys, and deletes a few.
func (w *workload) puts(n int) {
	for range n {
		key, value := w.key(), fmt.Sprintf("value of change %d", w.once.last)
		w.once.last++
		w.once.put(key, value)
		w.want[key] = value
		w.line("put "+key+" "+value, "ok")
		if w.rnd.IntN(20) > 0 {
			continue
		}
		key = w.key()
		w.once.last++
		w.once.del(key)
		delete(w.want, key)
		w.line("del "+key, "ok")
	}
}

func (w *workload) get() {
	key := w.key()
	if value, ok := w.want[key]; ok {
		w.line("get "+key, key+" = "+value)
	} else {
		w.line("get "+key, key+" is not set")
	}
}

func (w *workload) key() string { return fmt.Sprintf("key%d", w.rnd.IntN(w.keys)) }

func TestAnswerLog(t *testing.T) {
	answers, last := readAnswers(strings.NewReader("ok\nok\na = 1\nok\n"))
	require.Equal(t, []string{"2 x ok", "1 x a = 1", "1 x ok"}, answers)
	require.Equal(t, "ok", last)
}
