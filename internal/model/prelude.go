package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// A search may begin later than the members do: the bounds' prelude leads there by one schedule, and only what follows is
// explored. So a short search reaches what takes many events, such as the second leader of a group whose third member
// lags. The state after a prelude is one that the members come to by themselves, and what is said of symmetry in
// renaming.go holds for any first state.

// given is an event of a prelude.
type given struct {
	text string
	move move
	// Until the group is at rest, messages from and to the members without are lost, as are those of the type losing;
	// those that go from one to the other of holding, in this order, stay on their way; and the storage threads of the
	// member stalling do nothing.
	without  []uint64
	holding  [][2]uint64
	losing   string
	stalling uint64
}

// preludeInput returns what an event does to the member that is named first, and whether something else follows it.
func preludeInput(word string) (kind InputKind, more, ok bool) {
	switch word {
	case "timeout":
		return InputTimeout, false, true
	case "silence":
		return InputSilence, false, true
	case "heartbeat":
		return InputHeartbeat, false, true
	case "propose":
		return InputPropose, false, true
	case "change":
		return InputChange, false, true
	case "transfer":
		return InputTransfer, true, true
	case "crash":
		return InputCrash, false, true
	case "restart":
		return InputRestart, false, true
	case "campaign":
		return InputCampaign, false, true
	case "compact":
		return InputCompact, false, true
	default:
		return 0, false, false
	}
}

// given reads the prelude.
func (b *Bounds) given() ([]given, error) {
	var all []given
	for i, text := range b.Prelude {
		g, err := parseGiven(text)
		if err != nil {
			return nil, fmt.Errorf("bounds %s: prelude, line %d: %w", b.Name, i+1, err)
		}
		if position := int(g.move.position); position >= b.Members() {
			return nil, fmt.Errorf("bounds %s: prelude, line %d: there is no member %d", b.Name, i+1, position+1)
		}
		switch kind := g.move.in.Kind; kind {
		case InputPropose, InputChange:
			g.move.in.Arg = countKind(all, kind)
		}
		all = append(all, g)
	}
	if n := countKind(all, InputChange); int(n) > len(b.Changes) {
		return nil, fmt.Errorf("bounds %s: prelude: %d changes are asked for, %d are listed", b.Name, n, len(b.Changes))
	}
	return all, nil
}

// preludeUses returns how often something that is numbered happens in the prelude.
func (b *Bounds) preludeUses(l Limit) uint8 {
	word := map[Limit]string{Proposals: "propose ", Changes: "change "}[l]
	n := uint8(0)
	for _, text := range b.Prelude {
		if word != "" && strings.HasPrefix(text, word) {
			n++
		}
	}
	return n
}

func countKind(all []given, kind InputKind) uint32 {
	n := uint32(0)
	for _, g := range all {
		if g.move.in.Kind == kind {
			n++
		}
	}
	return n
}

func parseGiven(text string) (given, error) {
	g := given{text: text}
	words := strings.Fields(text)
	if len(words) < 2 {
		return g, fmt.Errorf("%q: want an event and a number", text)
	}
	const argument, nothing = "argument", "nothing" // what may follow what stands first
	after, wanting := words[0], false
	for _, word := range words[1:] {
		switch word {
		case "without", "holding", "losing", "stalling":
			after, wanting = word, true
			continue
		}
		wanting = false
		if !g.place(after, word) {
			return g, fmt.Errorf("%q: %q is out of place", text, word)
		}
		switch {
		case after == words[0] && after != "pass":
			after = argument
		case after == argument || after == "pass":
			after = nothing
		}
	}
	kind, more, ok := preludeInput(words[0])
	switch {
	case wanting:
		return g, fmt.Errorf("%q: nothing follows %q", text, after)
	case words[0] == "pass":
		g.move.kind, kind = movePass, InputPass
	case !ok:
		return g, fmt.Errorf("%q: no event %q", text, words[0])
	case more != (g.move.in.Arg != 0):
		return g, fmt.Errorf("%q: too much or too little follows the member", text)
	default:
		g.move.kind = moveInput
	}
	g.move.limit, g.move.in.Kind = noLimit, kind
	return g, nil
}

// place notes what a word says, which follows the given one; false if it says nothing.
func (g *given) place(after, word string) bool {
	if after == "losing" {
		g.losing = word
		return true
	}
	from, to, pair := strings.Cut(word, "-")
	n, err := strconv.ParseUint(from, 10, 8)
	if err != nil || n == 0 || pair != (after == "holding") {
		return false
	}
	switch after {
	case "without":
		g.without = append(g.without, n)
	case "stalling":
		g.stalling = n
	case "holding":
		receiver, err := strconv.ParseUint(to, 10, 8)
		g.holding = append(g.holding, [2]uint64{n, receiver})
		return err == nil
	case "pass", "argument":
		g.move.in.Arg = uint32(n)
	case "nothing":
		return false
	default:
		g.move.position = uint8(n - 1)
	}
	return true
}

// prelude goes from where the members begin to where the search does. Each event is followed by what it causes, until
// nothing is left to do: pieces of storage work first, then messages, the oldest first. It ends early at a violation.
// visit is told of each move, while the worker stands before it.
func (w *worker) prelude(visit func(m move)) (words []uint32, v *trace.Violation, err error) {
	events, err := w.bounds.given()
	if err != nil {
		return nil, nil, err
	}
	words = w.initial()
	for i := range events {
		g := &events[i]
		w.open(words)
		for m, more := g.move, true; more; m, more = w.settling(g) {
			// More messages may be on their way than within the bounds.
			if w.try(m) == void {
				return nil, nil, fmt.Errorf("bounds %s: prelude: nothing comes of %q", w.bounds.Name, g.text)
			}
			visit(m)
			if v = w.check(); v == nil {
				v = w.checkPairs()
			}
			w.arrange()
			words = w.append(nil)
			if v != nil {
				return words, v, nil
			}
			w.open(words)
		}
	}
	return words, nil, nil
}

// settling returns what happens next until the group is at rest.
func (w *worker) settling(g *given) (m move, more bool) {
	for position, l := range w.group {
		of := move{kind: moveInput, limit: noLimit, position: uint8(position)}
		switch {
		case g.stalling == l.facts.Member:
			continue
		case l.facts.AppendPending:
			of.in.Kind = InputStored
			return of, true
		case l.facts.ApplyPending:
			of.in.Kind = InputApplied
			return of, true
		}
	}
	i := slices.IndexFunc(w.bag, func(m *messageInfo) bool { return !slices.Contains(g.holding, [2]uint64{m.from, m.to}) })
	if i < 0 {
		return move{}, false
	}
	of := move{kind: moveDeliver, limit: noLimit, position: uint8(w.bag[i].to - 1), message: uint8(i)}
	of.in = Input{Kind: InputDeliver, Arg: uint32(w.bag[i].id)}
	lost := slices.Contains(g.without, w.bag[i].from) || slices.Contains(g.without, w.bag[i].to)
	if lost || w.machine.Message(w.bag[i].id).Type.String() == g.losing {
		of.kind = moveDrop
	}
	return of, true
}
