package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// The slow twin: what the store should do, in maps and lists that are searched from the beginning.

type twin struct {
	bounds Bounds
	rev    uint64
	keys   map[string]KeyValue
	events []Event // all there ever were
	oldest uint64
	idem   []twinIdem // in order, those that are remembered
}

type twinIdem struct {
	key, content string
	result       Result
}

func newTwin(bounds Bounds) *twin {
	bounds.setDefaults()
	return &twin{bounds: bounds, keys: map[string]KeyValue{}, oldest: 1}
}

// apply does what a well-formed command says.
func (t *twin) apply(c Command) Result {
	if c.IdempotencyKey == "" {
		return t.run(c)
	}
	content := fmt.Sprintf("%+v", c)
	for _, known := range t.idem {
		if known.key != c.IdempotencyKey {
			continue
		}
		if known.content != content {
			return Result{Code: CodeIdempotencyConflict, Rev: t.rev}
		}
		known.result.Replayed = true
		return known.result
	}
	r := t.run(c)
	kept := r
	kept.Ops = slices.Clone(r.Ops)
	for i, op := range kept.Ops {
		if op.Kind == OpGet && op.Exists {
			kept.Ops[i].Value, kept.Ops[i].Omitted = nil, true
		}
	}
	t.idem = append(t.idem, twinIdem{key: c.IdempotencyKey, content: content, result: kept})
	for len(t.idem) > 1 && t.bounds.MaxIdempotency < 1000 && (uint64(len(t.idem)) > t.bounds.MaxIdempotency || t.idemBytes() > t.bounds.MaxIdempotencyBytes) {
		t.idem = t.idem[1:]
	}
	return r
}

func (t *twin) idemBytes() uint64 {
	var n int
	for _, known := range t.idem {
		n += idemOverhead + len(known.key) + len(known.result.Append(nil))
	}
	return uint64(n)
}

func (t *twin) run(c Command) Result {
	before := len(t.events)
	r := Result{Code: CodeOK}
	if c.Kind == KindTxn {
		t.txn(c, &r)
	} else {
		t.single(c, &r)
	}
	if len(t.events) > before {
		r.Changed = true
		t.rev++
		t.evict()
	}
	r.Rev = t.rev
	return r
}

func (t *twin) single(c Command, r *Result) {
	kv, exists := t.keys[string(c.Key)]
	r.Exists, r.KeyRev = exists, kv.Rev
	met := map[ConditionKind]bool{CondNone: true, CondRev: exists && kv.Rev == c.Cond.Rev, CondAbsent: !exists, CondExists: exists}
	switch {
	case !met[c.Cond.Kind]:
		r.Code = CodePreconditionFailed
	case c.Kind == KindPut:
		t.put(c.Key, c.Value)
	case exists:
		t.remove(c.Key)
	default:
		r.Code = CodeNotFound
	}
}

func (t *twin) put(key, value []byte) {
	kv, exists := t.keys[string(key)]
	e := Event{Position: t.place(), Type: EventPut, Key: key, Value: value, PrevRev: kv.Rev}
	t.events = append(t.events, e)
	if !exists {
		kv = KeyValue{Key: key, CreateRev: e.Rev}
	}
	kv.Rev, kv.Value, kv.Version = e.Rev, value, kv.Version+1
	t.keys[string(key)] = kv
}

func (t *twin) remove(key []byte) {
	t.events = append(t.events, Event{Position: t.place(), Type: EventDelete, Key: key, PrevRev: t.keys[string(key)].Rev})
	delete(t.keys, string(key))
}

func (t *twin) place() Position {
	p := Position{Rev: t.rev + 1}
	for i := len(t.events); i > 0 && t.events[i-1].Rev == p.Rev; i-- {
		p.Sub++
	}
	return p
}

func (t *twin) txn(c Command, r *Result) {
	r.Succeeded = true
	for _, compare := range c.Compares {
		r.Succeeded = r.Succeeded && t.compare(compare)
	}
	list := c.Else
	if r.Succeeded {
		list = c.Then
	}
	for _, op := range list {
		kv, exists := t.keys[string(op.Key)]
		result := OpResult{Kind: op.Kind, Exists: exists}
		switch op.Kind {
		case OpGet:
			result.Rev, result.CreateRev, result.Version, result.Value = kv.Rev, kv.CreateRev, kv.Version, kv.Value
		case OpPut:
			result.Rev = t.rev + 1
			t.put(op.Key, op.Value)
		case OpDelete:
			if exists {
				t.remove(op.Key)
			}
		}
		r.Ops = append(r.Ops, result)
	}
}

func (t *twin) compare(c Compare) bool {
	kv, exists := t.keys[string(c.Key)]
	a, b := fmt.Sprintf("%020d", kv.Rev), fmt.Sprintf("%020d", c.Number)
	switch c.Target {
	case TargetValue:
		a, b = string(kv.Value), string(c.Value)
	case TargetCreated:
		a = fmt.Sprintf("%020d", kv.CreateRev)
	case TargetVersion:
		a = fmt.Sprintf("%020d", kv.Version)
	case TargetExists:
		a = map[bool]string{true: fmt.Sprintf("%020d", 1), false: fmt.Sprintf("%020d", 0)}[exists]
	}
	return map[Operator]bool{Equal: a == b, NotEqual: a != b, Less: a < b, Greater: a > b}[c.Operator]
}

// history returns the events that are not dropped.
func (t *twin) history(prefix string) []Event {
	var kept []Event
	start := len(t.events)
	for start > 0 && t.events[start-1].Rev >= t.oldest {
		start--
	}
	for _, e := range t.events[start:] {
		if strings.HasPrefix(string(e.Key), prefix) {
			kept = append(kept, e)
		}
	}
	return kept
}

func (t *twin) evict() {
	for t.oldest < t.rev && t.bounds.MaxEvents < 1000 { // it stays within the larger bounds
		var bytes uint64
		kept := t.history("")
		for _, e := range kept {
			bytes += uint64(eventOverhead + len(e.Key) + len(e.Value))
		}
		if uint64(len(kept)) <= t.bounds.MaxEvents && bytes <= t.bounds.MaxEventBytes {
			return
		}
		t.oldest++
	}
}

// list returns all pairs with a prefix, in order.
func (t *twin) list(prefix string) []KeyValue {
	var items []KeyValue
	for key, kv := range t.keys {
		if strings.HasPrefix(key, prefix) {
			items = append(items, kv)
		}
	}
	slices.SortFunc(items, func(a, b KeyValue) int { return bytes.Compare(a.Key, b.Key) })
	return items
}

// A maker makes random commands, over few keys so that they meet.
type maker struct{ rng *rand.Rand }

func (m maker) key() []byte {
	return []byte(fmt.Sprintf("%s%d", []string{"a/", "b/", "\xff"}[m.rng.IntN(3)], m.rng.IntN(5)))
}

func (m maker) value() []byte {
	return bytes.Repeat([]byte{byte('a' + m.rng.IntN(4))}, m.rng.IntN(20))
}

func (m maker) command() Command {
	c := Command{Kind: CommandKind(1 + m.rng.IntN(3))}
	if m.rng.IntN(4) == 0 {
		// One key in a few also comes back with the same command.
		c.IdempotencyKey = fmt.Sprintf("id%d", m.rng.IntN(40))
		if m.rng.IntN(2) == 0 {
			return Command{Kind: KindPut, Key: []byte("b/" + c.IdempotencyKey), Value: []byte("v"), IdempotencyKey: c.IdempotencyKey}
		}
	}
	if c.Kind == KindTxn {
		m.txn(&c)
		return c
	}
	c.Key = m.key()
	if c.Kind == KindPut {
		c.Value = m.value()
	}
	if m.rng.IntN(2) == 0 {
		c.Cond.Kind = ConditionKind(m.rng.IntN(4))
	}
	if c.Cond.Kind == CondRev {
		c.Cond.Rev = uint64(m.rng.IntN(30))
	}
	return c
}

func (m maker) txn(c *Command) {
	for range m.rng.IntN(3) {
		compare := Compare{Key: m.key(), Target: Target(1 + m.rng.IntN(5)), Operator: Operator(1 + m.rng.IntN(4))}
		if compare.Target == TargetValue {
			compare.Value = m.value()
		} else {
			compare.Number = uint64(m.rng.IntN(3))
		}
		c.Compares = append(c.Compares, compare)
	}
	c.Then, c.Else = m.ops(), m.ops()
}

func (m maker) ops() []Op {
	var list []Op
	for range m.rng.IntN(5) {
		op := Op{Kind: OpKind(1 + m.rng.IntN(3)), Key: m.key()}
		if op.Kind == OpPut {
			op.Value = m.value()
		}
		list = append(list, op)
	}
	return list
}
