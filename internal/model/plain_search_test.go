package model

import (
	"fmt"
	"slices"
	"strings"
)

// plainSearch is the slow twin of Search: states are structs, visited ones are kept by their full text, every check is
// made on every step without regard to what was checked before. It shares with Search the checks and the list of
// members' inputs alone.
type plainSearch struct {
	t       *toy
	b       *Bounds
	visited map[string]bool

	states, transitions, pruned, depth int
	// violated is the property that failed, at depth.
	violated string
}

type plainState struct {
	locals []LocalID
	bag    []MessageID // in the order in which they were sent
	left   [limits]int
	own    [][limits]int
	floors [maxReads]uint64
}

func (s plainState) clone() plainState {
	s.locals, s.bag, s.own = slices.Clone(s.locals), slices.Clone(s.bag), slices.Clone(s.own)
	return s
}

func newPlainSearch(t *toy, b *Bounds) *plainSearch {
	return &plainSearch{t: t, b: b, visited: map[string]bool{}}
}

func (p *plainSearch) initial() plainState {
	s := plainState{}
	for l := range s.left {
		s.left[l] = int(p.b.limit(Limit(l)))
	}
	for id := 1; id <= p.b.Members(); id++ {
		s.locals = append(s.locals, p.t.Initial(uint64(id)))
		var own [limits]int
		for l := range own {
			own[l] = maxBudget + 1
			if p.b.PerMember[l] > 0 {
				own[l] = int(p.b.PerMember[l])
			}
		}
		s.own = append(s.own, own)
	}
	return s
}

// key is the least of the texts of the state under all renamings.
func (p *plainSearch) key(s plainState) string {
	least := ""
	for _, r := range p.t.renamings {
		members := make([]string, len(s.locals))
		for i, id := range s.locals {
			members[r[i]-1] = fmt.Sprint(p.t.local(id).renamed(r), s.own[i])
		}
		var bag []string
		for _, id := range s.bag {
			bag = append(bag, fmt.Sprint(p.t.message(id).renamed(r)))
		}
		slices.Sort(bag)
		text := fmt.Sprint(strings.Join(members, ";"), "|", strings.Join(bag, ";"), s.left, s.floors)
		if least == "" || text < least {
			least = text
		}
	}
	return least
}

func (p *plainSearch) run() {
	level := []plainState{p.initial()}
	p.visited[p.key(level[0])] = true
	p.states = 1
	for ; len(level) > 0 && p.violated == ""; p.depth++ {
		var next []plainState
		for _, s := range level {
			for _, n := range p.successors(s) {
				p.transitions++
				if key := p.key(n); !p.visited[key] {
					p.visited[key] = true
					p.states++
					next = append(next, n)
				}
			}
		}
		level = next
	}
	if p.violated == "" {
		p.depth-- // the last level was empty
	}
}

func (p *plainSearch) successors(s plainState) []plainState {
	var all []plainState
	seen := map[MessageID]bool{}
	for i, id := range s.bag {
		if seen[id] {
			continue
		}
		seen[id] = true
		without := s.clone()
		without.bag = slices.Delete(without.bag, i, i+1)
		all = append(all, p.delivered(without, id)...)
		if s.left[Drops] > 0 {
			dropped := without.clone()
			dropped.left[Drops]--
			all = append(all, dropped)
		}
		if s.left[Duplicates] > 0 && len(s.bag) < p.b.MaxInFlight {
			twice := s.clone()
			twice.left[Duplicates]--
			twice.bag = append(twice.bag, id)
			all = append(all, twice)
		}
	}
	for i := range s.locals {
		all = append(all, p.memberMoves(s, i)...)
	}
	for _, ticks := range p.b.Ticks {
		if s.left[Passes] > 0 {
			all = append(all, p.passed(s, Input{Kind: InputPass, Arg: uint32(ticks)})...)
		}
	}
	return all
}

// passed has time pass at all members.
func (p *plainSearch) passed(s plainState, in Input) []plainState {
	n := s.clone()
	n.left[Passes]--
	changed := false
	for i, id := range s.locals {
		out := p.t.Step(id, in)
		changed = changed || !out.Void
		n.locals[i] = out.Next
		n.bag = append(n.bag, out.Sent...)
	}
	if !changed {
		return nil
	}
	if len(n.bag) > p.b.MaxInFlight {
		p.pruned++
		return nil
	}
	for i, id := range s.locals {
		p.check(&n, p.t.Facts(id), i)
	}
	return []plainState{n}
}

func (p *plainSearch) delivered(without plainState, id MessageID) []plainState {
	to := int(p.t.message(id).To) - 1
	if !p.t.local(without.locals[to]).Up {
		return []plainState{without}
	}
	next, ok := p.step(without, to, Input{Kind: InputDeliver, Arg: uint32(id)})
	if !ok {
		return nil
	}
	return []plainState{next}
}

func (p *plainSearch) memberMoves(s plainState, i int) []plainState {
	l := p.t.local(s.locals[i])
	var all []plainState
	try := func(limit Limit, in Input) {
		n := s.clone()
		if limit < noLimit {
			n.left[limit]--
			if p.b.PerMember[limit] > 0 {
				n.own[i][limit]--
			}
			if n.left[limit] < 0 || n.own[i][limit] < 0 {
				return
			}
		}
		if in.Kind == InputRead {
			for _, id := range s.locals {
				n.floors[in.Arg] = max(n.floors[in.Arg], uint64(len(p.t.local(id).Known)))
			}
		}
		if out := p.t.Step(s.locals[i], in); out.Void {
			return
		}
		if n, ok := p.step(n, i, in); ok {
			all = append(all, n)
		}
	}
	used := func(l Limit) uint32 { return uint32(int(p.b.limit(l)) - s.left[l]) }
	if !l.Up {
		try(noLimit, Input{Kind: InputRestart})
		return all
	}
	leased := false
	for _, id := range s.locals {
		leased = leased || p.b.Lease && p.t.local(id).Led > 0
	}
	if !leased {
		try(Timeouts, Input{Kind: InputTimeout})
	}
	try(Crashes, Input{Kind: InputCrash})
	if l.Role == 2 {
		try(Heartbeats, Input{Kind: InputHeartbeat})
		try(Proposals, Input{Kind: InputPropose, Arg: used(Proposals)})
		try(Reads, Input{Kind: InputRead, Arg: used(Reads)})
	}
	return all
}

// step has a member take in the input, and makes all checks.
func (p *plainSearch) step(s plainState, i int, in Input) (plainState, bool) {
	before := p.t.Facts(s.locals[i])
	out := p.t.Step(s.locals[i], in)
	s = s.clone()
	s.locals[i] = out.Next
	s.bag = append(s.bag, out.Sent...)
	if out.Broken != nil {
		p.violated = out.Broken.Property
		return s, false
	}
	if len(s.bag) > p.b.MaxInFlight {
		p.pruned++
		return s, false
	}
	p.check(&s, before, i)
	return s, true
}

func (p *plainSearch) check(s *plainState, before *Facts, i int) {
	var group []*Facts
	for _, id := range s.locals {
		group = append(group, p.t.Facts(id))
	}
	after := group[i]
	for _, read := range after.Reads {
		if v := checkRead(read, s.floors[read.Number], after, group); v != nil {
			p.violated = v.Property
		}
		s.floors[read.Number] = 0
	}
	if after.Leader {
		if v := checkCommitDurable(before, after, group); v != nil {
			p.violated = v.Property
		}
	}
	if v := checkDurableForEver(before, after, group); v != nil {
		p.violated = v.Property
	}
	for a := range group {
		for b := range a {
			if v := checkPair(group[a], group[b]); v != nil {
				p.violated = v.Property
			}
		}
	}
}
