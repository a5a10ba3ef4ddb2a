package run

import (
	"fmt"
	"io"
	"time"
)

// every is how often progress is said.
const every = 5 * time.Second

// progress tells how far the run is, and how long the rest may take.
type progress struct {
	out    io.Writer
	now    func() time.Time
	start  time.Time
	said   time.Time
	rounds int

	// current is the round that runs, tasks what there is to do in it, and at how many of these are done.
	current int
	tasks   []task
	at      int
	// warm is how long each task took to warm up, took how long it last took in a round that counts.
	warm, took map[task]time.Duration
}

func newProgress(out io.Writer, now func() time.Time, rounds int) *progress {
	return &progress{
		out: out, now: now, start: now(), rounds: rounds,
		warm: map[task]time.Duration{}, took: map[task]time.Duration{},
	}
}

// round says that a round begins with these tasks; round 0 is the one for warming up.
func (p *progress) round(round int, tasks []task) {
	p.current, p.tasks, p.at = round, tasks, 0
	p.said = p.now()
	if round == 0 {
		fmt.Fprintf(p.out, "warming up: %d runs\n", len(tasks))
		return
	}
	fmt.Fprintf(p.out, "round %d of %d: %d runs%s\n", round, p.rounds, len(tasks), p.left())
}

// done notes that the next task has taken so long, and now and then says how far the round is.
func (p *progress) done(t task, took time.Duration) {
	p.at++
	if p.current == 0 {
		p.warm[t] = took
	} else {
		p.took[t] = took
	}
	if p.now().Sub(p.said) < every {
		return
	}
	p.said = p.now()
	what := "warming up"
	if p.current > 0 {
		what = fmt.Sprintf("round %d of %d", p.current, p.rounds)
	}
	fmt.Fprintf(p.out, "%s: %d of %d, %s%s\n", what, p.at, len(p.tasks), t.workload, p.left())
}

// failed says what has failed.
func (p *progress) failed(text string) { fmt.Fprintf(p.out, "failed: %s\n", text) }

// end says how long it all took.
func (p *progress) end() {
	fmt.Fprintf(p.out, "measured in %v\n", p.now().Sub(p.start).Round(time.Second))
}

// left says how long the rest may take; nothing as long as there is nothing to tell it from.
func (p *progress) left() string {
	if len(p.took) == 0 || p.current == 1 && len(p.warm) == 0 {
		return ""
	}
	factor := p.factor()
	var whole, rest time.Duration
	for i, t := range p.tasks {
		cost, known := p.took[t]
		if !known {
			cost = time.Duration(factor * float64(p.warm[t]))
		}
		whole += cost
		if i >= p.at {
			rest += cost
		}
	}
	rest += time.Duration(p.rounds-p.current) * whole
	return fmt.Sprintf("; about %v left", rest.Round(time.Second))
}

// factor is how much longer tasks take than they took to warm up.
func (p *progress) factor() float64 {
	var warm, took time.Duration
	for t, cost := range p.took {
		warm += p.warm[t]
		took += cost
	}
	if warm == 0 {
		return 1
	}
	return float64(took) / float64(warm)
}
