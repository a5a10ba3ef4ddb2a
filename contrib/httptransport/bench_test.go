package httptransport

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed695671cb/raft/replica"
)

// benchPair returns two hosts of which the second only counts.
func benchPair(b *testing.B, adapt ...func(*Options)) (from, to *host) {
	adapt = append(adapt, func(o *Options) { o.Keepalive, o.StreamIdle = time.Second, 30*time.Second })
	from, to = pair(b, adapt...)
	to.recorder.mu.Lock()
	defer to.recorder.mu.Unlock()
	to.recorder.quiet = true
	return from, to
}

// sendAll sends batches until n messages have arrived, and sends again what the queue has no room for.
func sendAll(b *testing.B, from, to *host, batch []replica.Message) {
	start := to.received()
	b.ResetTimer()
	sent := 0
	for sent < b.N {
		if from.status(2).QueueBytes > 2<<20 {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		part := batch[:min(len(batch), b.N-sent)]
		if err := from.Send(2, part); err != nil {
			b.Fatal(err)
		}
		sent += len(part)
	}
	for to.received() < start+b.N {
		time.Sleep(50 * time.Microsecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

func BenchmarkMessages(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			from, to := benchPair(b)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			count := max(1, min(64, (64<<10)/size))
			batch := make([]replica.Message, count)
			for i := range batch {
				batch[i] = appendOf(1, 2, 1, uint64(i), size)
			}
			sendAll(b, from, to, batch)
		})
	}
}

func BenchmarkHeartbeatsOf10000Groups(b *testing.B) {
	from, to := benchPair(b)
	b.ReportAllocs()
	tick := make([]replica.Message, 10_000)
	for i := range tick {
		tick[i] = heartbeat(1, 2, uint64(i))
		tick[i].Commit = 1_000_000 + uint64(i)
		tick[i].Context = []byte("12345678")
	}
	before := from.status(2).SentBytes
	sendAll(b, from, to, tick)
	b.ReportMetric(float64(from.status(2).SentBytes-before)/float64(b.N), "wire-B/msg")
}

func BenchmarkLatency(b *testing.B) {
	from, to := benchPair(b)
	m := []replica.Message{appendOf(1, 2, 1, 1, 100)}
	for b.Loop() {
		want := to.received() + 1
		if err := from.Send(2, m); err != nil {
			b.Fatal(err)
		}
		for to.received() < want {
			time.Sleep(time.Microsecond)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	for _, chunk := range []int{256 << 10, 1 << 20, 4 << 20} {
		b.Run(fmt.Sprintf("chunks of %d KiB", chunk>>10), func(b *testing.B) {
			from, to := benchPair(b, func(o *Options) { o.MaxSnapshotChunk = chunk })
			contents := someBytes(64 << 20)
			b.SetBytes(int64(len(contents)))
			for i := 0; b.Loop(); i++ {
				s, done := outgoing(1, 2, 7, uint64(i), contents)
				from.SendSnapshot(s)
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				to.recorder.mu.Lock()
				to.recorder.sinks = nil
				to.recorder.mu.Unlock()
			}
		})
	}
}
