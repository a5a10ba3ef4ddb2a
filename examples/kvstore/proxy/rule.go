package proxy

// What the proxy does to the bytes between two members.

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Mode says whether bytes pass.
type Mode uint8

const (
	// Pass lets them through.
	Pass Mode = iota
	// Hold lets nothing through and ends nothing, as a network does that loses every packet: connections stall, and new
	// ones hang until who dials gives up. When the rule is lifted, what was held is delivered.
	Hold
	// Cut ends the connections between the two members, and refuses new ones.
	Cut
)

func (m Mode) String() string {
	switch m {
	case Pass:
		return "pass"
	case Hold:
		return "hold"
	case Cut:
		return "cut"
	default:
		return fmt.Sprintf("mode %d", uint8(m))
	}
}

// A Rule governs what one member sends to another. The zero value lets it through as it is.
type Rule struct {
	Mode Mode
	// Delay is how much later bytes arrive than without the rule. It delays them all by the same time, so it does not
	// limit how many pass in a second, except through the bound on what is held.
	Delay time.Duration
	// CutAfter, if positive, ends each connection once so many bytes have passed on it since it or the rule began,
	// whichever was later. New connections are accepted.
	CutAfter int64
}

// A pair is an ordered pair of members.
type pair struct{ from, to uint64 }

func (a pair) reverse() pair { return pair{from: a.to, to: a.from} }

func comparePairs(a, b pair) int {
	return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
}

// ruleState is a rule in force. Setting the pair's rule anew closes changed, which wakes whoever waits because of it.
type ruleState struct {
	Rule
	changed chan struct{}
}

// Set replaces the rule for what from sends to to. Neither needs to be registered yet.
func (p *Proxy) Set(from, to uint64, rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(pair{from, to}, rule)
}

// Isolate applies a rule to everything between a member and all others that are registered, both ways.
func (p *Proxy) Isolate(id uint64, rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.sortedIDs() {
		if other != id {
			p.set(pair{id, other}, rule)
			p.set(pair{other, id}, rule)
		}
	}
}

// Heal lifts all rules for what a member sends and receives.
func (p *Proxy) Heal(id uint64) {
	p.heal(func(link pair) bool { return link.from == id || link.to == id })
}

// HealAll lifts all rules.
func (p *Proxy) HealAll() {
	p.heal(func(pair) bool { return true })
}

func (p *Proxy) heal(which func(pair) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var links []pair
	for link := range p.rules {
		if which(link) {
			links = append(links, link)
		}
	}
	slices.SortFunc(links, comparePairs)
	for _, link := range links {
		p.set(link, Rule{})
	}
}

// set must be called with mu held.
func (p *Proxy) set(link pair, rule Rule) {
	if old, ok := p.rules[link]; ok {
		close(old.changed)
	}
	p.rules[link] = &ruleState{Rule: rule, changed: make(chan struct{})}
	if rule.Mode != Cut {
		return
	}
	for conn := range p.conns {
		if conn.link == link || conn.link == link.reverse() {
			conn.end()
		}
	}
}

// rule returns the rule in force for a pair.
func (p *Proxy) rule(link pair) *ruleState {
	p.mu.Lock()
	defer p.mu.Unlock()
	state, ok := p.rules[link]
	if !ok {
		state = &ruleState{changed: make(chan struct{})}
		p.rules[link] = state
	}
	return state
}
