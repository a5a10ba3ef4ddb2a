package restore

// What was seen, and how it is shown.

import (
	"fmt"
	"io"
	"time"
)

// A Report is what a run has shown. Times are in nanoseconds where it is written as JSON.
type Report struct {
	Size        int64         `json:"size"`         // that was asked for
	Bytes       int64         `json:"bytes"`        // of values
	Keys        int           `json:"keys"`         // that hold them
	Filled      time.Duration `json:"filled_ns"`    // how long filling took
	MemoryBound int64         `json:"memory_bound"` // of a member, in bytes
	Transfer    transfer      `json:"transfer"`
	Writes      writes        `json:"writes"` // while the new member was being restored
	Memory      []memoryOf    `json:"memory"` // of each member, in the order of their IDs
	Compared    int           `json:"compared_keys"`
	Sum         string        `json:"sha256"`
	Differences []string      `json:"differences,omitempty"`
}

// memoryOf is the resident memory of a member, in bytes.
type memoryOf struct {
	Member    int   `json:"member"`
	Filling   int64 `json:"peak_filling"`   // up to the end of filling
	Before    int64 `json:"before"`         // when the new member was added
	Restoring int64 `json:"peak_restoring"` // from then until it had caught up
}

// OK tells whether all is as it should be.
func (r *Report) OK() bool {
	return len(r.Problems()) == 0
}

// Problems says what is not as it should be.
func (r *Report) Problems() []string {
	problems := append([]string(nil), r.Differences...)
	for _, m := range r.Memory {
		if m.Restoring > r.MemoryBound {
			problems = append(problems, fmt.Sprintf("member %d had %s in memory, beyond the bound of %s",
				m.Member, mebibytes(m.Restoring), mebibytes(r.MemoryBound)))
		}
	}
	if r.Writes.Failed > 0 {
		problems = append(problems, fmt.Sprintf("%d writes failed, the first: %s", r.Writes.Failed, r.Writes.Example))
	}
	if r.Writes.Count == 0 {
		problems = append(problems, "no write was made while the new member was being restored")
	}
	if r.Transfer.Bytes < r.Bytes*9/10 {
		problems = append(problems, fmt.Sprintf("the new member was seen to receive %s only: it cannot have been the whole snapshot", megabytes(r.Transfer.Bytes)))
	}
	return problems
}

// Text writes the report for people to read.
func (r *Report) Text(out io.Writer) error {
	t, w := &r.Transfer, &r.Writes
	text := fmt.Sprintf("data set          %s in %d keys, filled in %s\n", megabytes(r.Bytes), r.Keys, seconds(r.Filled))
	text += fmt.Sprintf("snapshot          %s arrived after %s (%.0f MB/s; %s sent), installed after %s\n", megabytes(t.Bytes),
		seconds(t.Arrived), float64(t.Bytes)/1e6/t.Arrived.Seconds(), megabytes(t.Sent), seconds(t.Installed))
	if t.Killed > 0 {
		text += fmt.Sprintf("  killed          when %s had arrived; went on at %s, %s sent again\n",
			megabytes(t.Killed), megabytes(t.Resumed), megabytes(max(0, t.Killed-t.Resumed)))
	}
	text += fmt.Sprintf("caught up         and promoted after %s, with another %s sent\n", seconds(t.CaughtUp), megabytes(t.Rest))
	text += fmt.Sprintf("writes meanwhile  %d (%s), %d failed; p50 %s, p99 %s, longest %s; longest gap %s\n",
		w.Count, megabytes(w.Bytes), w.Failed, milliseconds(w.P50), milliseconds(w.P99), milliseconds(w.Max), milliseconds(w.Gap))
	text += "resident memory   peak while filling   before   peak during the restore\n"
	for _, m := range r.Memory {
		text += fmt.Sprintf("  member %d        %18s %8s   %s\n", m.Member, mebibytes(m.Filling), mebibytes(m.Before), mebibytes(m.Restoring))
	}
	text += fmt.Sprintf("compared          %d keys on %d members, SHA-256 %.16s\n", r.Compared, newMember, r.Sum)
	for _, problem := range r.Problems() {
		text += "FAILED: " + problem + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func mebibytes(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", d.Seconds()*1e3) }
