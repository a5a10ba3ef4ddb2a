package rafttest

// The order of things: everything that will happen is a timer with the simulated time at which it is due. Times are in
// microseconds; a tick of a true clock is tickTime of them.

const (
	tickTime    = 1000
	latencyTime = 150
	diskTime    = 60
	workTime    = 15
)

// timerKind says what a timer is for.
type timerKind uint8

const (
	timerTick   timerKind = iota // a tick of the clock of member ref
	timerPacket                  // the packet in slot ref arrives
	timerWork                    // member ref goes on with its work of kind aux
	timerClient                  // client ref does something
	timerFault                   // something goes wrong, or well again
	timerStart                   // member ref, which was added, starts
	timerReport                  // report number ref is due
)

// timer is something that will happen.
type timer struct {
	due uint64
	// seq breaks ties: what was scheduled first happens first.
	seq  uint64
	ref  uint32
	kind timerKind
	aux  uint8
	// life is that of the member concerned: a timer of an earlier life is void.
	life uint32
}

func (t *timer) before(o *timer) bool { return t.due < o.due || t.due == o.due && t.seq < o.seq }

// schedule is a heap of timers with four branches at each node.
type schedule struct {
	now  uint64
	seq  uint64
	heap []timer
}

// after schedules t to happen after so much time.
func (s *schedule) after(delay int, t timer) {
	s.seq++
	t.due, t.seq = s.now+uint64(delay), s.seq
	s.heap = append(s.heap, t)
	i := len(s.heap) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !t.before(&s.heap[parent]) {
			break
		}
		s.heap[i] = s.heap[parent]
		i = parent
	}
	s.heap[i] = t
}

// next lets time pass until the next timer is due, and returns that one.
func (s *schedule) next() timer {
	top := s.heap[0]
	n := len(s.heap) - 1
	last := s.heap[n]
	s.heap = s.heap[:n]
	if n > 0 {
		s.sink(last)
	}
	s.now = top.due
	return top
}

// sink puts t where the root was taken away.
func (s *schedule) sink(t timer) {
	n := len(s.heap)
	i := 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, n); c++ {
			if s.heap[c].before(&s.heap[least]) {
				least = c
			}
		}
		if !s.heap[least].before(&t) {
			break
		}
		s.heap[i] = s.heap[least]
		i = least
	}
	s.heap[i] = t
}
