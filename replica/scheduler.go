package replica

import "sync"

// A scheduler has a few goroutines run many jobs: each job whenever there is something for it, never on two
// goroutines at once.

// A job is what a scheduler runs. Its run is called once or more after every add.
type job interface {
	run(out *outbox)
	schedule() *jobState
}

// jobState is a job's place in its scheduler; the scheduler's lock guards it.
type jobState uint8

const (
	jobIdle jobState = iota
	jobQueued
	jobRunning
	// jobRunningQueued: it runs, and was added again meanwhile.
	jobRunningQueued
)

type scheduler struct {
	mu     sync.Mutex
	wake   sync.Cond
	queue  []job
	head   int
	closed bool
	wg     sync.WaitGroup
}

// maxTurn is how many jobs a goroutine runs before it sends what they have to send: their messages to one host then
// travel together.
const maxTurn = 256

func newScheduler(workers int, newOutbox func() *outbox) *scheduler {
	s := &scheduler{}
	s.wake.L = &s.mu
	for range workers {
		s.wg.Add(1)
		go s.work(newOutbox())
	}
	return s
}

// add has the job run.
func (s *scheduler) add(j job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state := j.schedule(); *state {
	case jobIdle:
		*state = jobQueued
		s.queue = append(s.queue, j)
		s.wake.Signal()
	case jobRunning:
		*state = jobRunningQueued
	}
}

// work runs jobs, in turns of some. It only waits for a job when nothing waits in its outbox.
func (s *scheduler) work(out *outbox) {
	defer s.wg.Done()
	for ran := 0; ; {
		j := s.next(ran == 0)
		if j == nil && ran == 0 {
			return
		}
		if j != nil {
			j.run(out)
			s.finished(j)
			ran++
		}
		if j == nil || ran >= maxTurn {
			out.flush()
			ran = 0
		}
	}
}

// next returns a job. If there is none it waits for one, or returns nil at once unless it may wait. It also returns nil when the
// scheduler is closed.
func (s *scheduler) next(mayWait bool) job {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.head == len(s.queue) {
		if s.closed || !mayWait {
			return nil
		}
		s.wake.Wait()
	}
	j := s.queue[s.head]
	s.queue[s.head] = nil
	s.head++
	if s.head == len(s.queue) {
		s.queue, s.head = s.queue[:0], 0
	}
	if s.head > 1024 && 2*s.head > len(s.queue) {
		s.queue = append(s.queue[:0], s.queue[s.head:]...)
		s.head = 0
	}
	*j.schedule() = jobRunning
	return j
}

func (s *scheduler) finished(j job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := j.schedule()
	if *state == jobRunningQueued {
		*state = jobQueued
		s.queue = append(s.queue, j)
		return
	}
	*state = jobIdle
}

// close ends the goroutines when all that was added has run.
func (s *scheduler) close() {
	s.mu.Lock()
	s.closed = true
	s.wake.Broadcast()
	s.mu.Unlock()
	s.wg.Wait()
}
