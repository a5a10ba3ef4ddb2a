package model

import "slices"

// A move is one thing that can happen in a state: to a message in flight, or to a member.

type moveKind uint8

const (
	moveDeliver moveKind = iota
	moveDrop
	moveDuplicate
	moveInput // an input other than a message
	movePass  // time passes at all members
)

// noLimit is the limit of what is not limited.
const noLimit = limits

// maxTorn is the most steps of writes under way that are tried in a crash.
const maxTorn = 8

type move struct {
	kind     moveKind
	limit    Limit
	position uint8 // of the member, from 0 on
	message  uint8 // its position in the bag
	in       Input
}

// list lists the moves of the state, in an order that depends on nothing else. Some of them may turn out to be void.
func (w *worker) list() {
	w.moves = w.moves[:0]
	y := w.layout
	drops, duplicates := y.left(w.extras, Drops, -1) > 0, y.left(w.extras, Duplicates, -1) > 0
	for i, m := range w.bag {
		if i > 0 && w.bag[i-1] == m {
			continue // another copy of the same
		}
		of := move{message: uint8(i), limit: noLimit, position: uint8(m.to - 1)}
		of.in = Input{Kind: InputDeliver, Arg: uint32(m.id)}
		w.moves = append(w.moves, of)
		if drops {
			of.kind, of.limit = moveDrop, Drops
			w.moves = append(w.moves, of)
		}
		if duplicates && len(w.bag) < w.maxInFlight {
			of.kind, of.limit = moveDuplicate, Duplicates
			w.moves = append(w.moves, of)
		}
	}
	for position, l := range w.group {
		w.listMember(position, l.facts)
	}
	for _, ticks := range w.bounds.Ticks {
		if y.left(w.extras, Passes, -1) > 0 {
			in := Input{Kind: InputPass, Arg: uint32(ticks)}
			w.moves = append(w.moves, move{kind: movePass, limit: Passes, in: in})
		}
	}
}

// input lists an input, unless its budget is used up.
func (w *worker) input(position int, l Limit, kind InputKind, arg uint32) {
	if l != noLimit && w.layout.left(w.extras, l, position) == 0 {
		return
	}
	w.moves = append(w.moves, move{
		kind: moveInput, limit: l, position: uint8(position), in: Input{Kind: kind, Arg: arg},
	})
}

func (w *worker) listMember(position int, f *Facts) {
	if !f.Up {
		w.input(position, noLimit, InputRestart, 0)
		return
	}
	if f.AppendPending {
		w.input(position, noLimit, InputStored, 0)
	}
	if f.ApplyPending {
		w.input(position, noLimit, InputApplied, 0)
	}
	for _, to := range f.ReportsDue {
		w.listReports(position, to)
	}
	if !w.leased() {
		w.input(position, Timeouts, InputTimeout, 0)
	}
	if !f.Leader {
		w.input(position, Campaigns, InputCampaign, 0)
	}
	w.input(position, Silences, InputSilence, 0)
	w.input(position, Compactions, InputCompact, 0)
	if f.Leader {
		w.input(position, Heartbeats, InputHeartbeat, 0)
	}
	if f.Leader || w.bounds.Followers {
		w.listRequests(position)
	}
	w.input(position, Crashes, InputCrash, 0)
	for torn := uint32(1); torn <= maxTorn && f.AppendPending; torn++ {
		w.input(position, Crashes, InputCrash, torn)
	}
}

// leased reports whether there may be a lease, so that time must not pass at one member alone: from the first leader on,
// if leases are relied on.
func (w *worker) leased() bool {
	return w.bounds.Lease && slices.ContainsFunc(w.group, func(l *localInfo) bool { return l.facts.Led != 0 })
}

// listRequests lists what the application of a member may ask for. Proposals, reads and changes are numbered in the
// order in which they are asked for, wherever that is.
func (w *worker) listRequests(position int) {
	y := w.layout
	w.input(position, Proposals, InputPropose, y.used(w.extras, Proposals))
	w.input(position, Changes, InputChange, y.used(w.extras, Changes))
	w.input(position, Reads, InputRead, y.used(w.extras, Reads))
	for to := range w.group {
		if to != position {
			w.input(position, Transfers, InputTransfer, uint32(to)+1)
		}
	}
}

// listReports lists how sending a snapshot may be reported, once it is no longer in flight.
func (w *worker) listReports(position int, to uint64) {
	for _, m := range w.bag {
		if m.snapshot && m.from == uint64(position)+1 && m.to == to {
			return
		}
	}
	w.input(position, noLimit, InputReportSnapshot, uint32(to)*2)
	w.input(position, noLimit, InputReportSnapshot, uint32(to)*2+1)
}
