package model

import (
	"encoding/binary"
	"fmt"
	"reflect"
)

// Fingerprints of local states and messages. They are taken by a walk over the real fields, the unexported ones too, so
// that a field that is added counts from its first day: whatever the table of fingerprint_rules.go does not name is
// taken as it is. Two states with the same fingerprint are one to the search. That is sound if they answer each input
// alike, which each rule of the table gives its reason for; and it is put to the test whenever a state is built up
// again by other inputs than those that led to it (real.live).
//
// What a type's fields are is found out once, and kept as functions.

// walk takes one fingerprint.
type walk struct {
	h uint64
	// renaming gives member i the name renaming[i-1]. Other IDs keep theirs.
	renaming []uint64
	// at is what the rules want to know of the member beside the field itself.
	at glance
}

const (
	walkSeed = 0x726166742e77616c
	walkStep = 0x9e3779b97f4a7c15
)

func newWalk(renaming []uint64) walk { return walk{h: walkSeed, renaming: renaming} }

func (w *walk) add(v uint64) { w.h = spread((w.h ^ v) + walkStep) }

func (w *walk) addBytes(b []byte) {
	w.add(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		w.add(binary.LittleEndian.Uint64(b))
	}
	if len(b) > 0 {
		var rest [8]byte
		copy(rest[:], b)
		w.add(binary.LittleEndian.Uint64(rest[:]))
	}
}

// name returns what the member is called under the renaming.
func (w *walk) name(id uint64) uint64 {
	if id-1 < uint64(len(w.renaming)) {
		return w.renaming[id-1]
	}
	return id
}

// begin starts a fingerprint of a part, and returns what finish wants.
func (w *walk) begin() uint64 {
	saved := w.h
	w.h = walkSeed
	return saved
}

// finish goes on with the whole, and returns the fingerprint of the part.
func (w *walk) finish(saved uint64) uint64 {
	part := w.h
	w.h = saved
	return part
}

// encoder adds a value of one type to the walk.
type encoder func(w *walk, v reflect.Value)

// rule is an exception: how a field is treated, and why that is sound.
type rule struct {
	field string // package.type.field
	how   string // in a word, for the list of fields
	why   string
	// add takes the place of the encoder. Nil: the field is passed over.
	add func(w *walk, f field)
}

// field is a field as a rule sees it.
type field struct {
	owner, value reflect.Value
	// whole and element are the encoders of the field's type, and of its elements if it is a slice; inner is that of the
	// elements of those, if they are slices too.
	whole, element, inner encoder
}

// planner makes the encoders of types.
type planner struct {
	rules map[string]rule
	plans map[reflect.Type]*encoder
	// fields lists the fields met, and how each is treated.
	fields []string
	used   map[string]bool
}

func newPlanner(rules []rule) *planner {
	p := &planner{rules: map[string]rule{}, plans: map[reflect.Type]*encoder{}, used: map[string]bool{}}
	for _, r := range rules {
		p.rules[r.field] = r
	}
	return p
}

// unused returns a rule that named no field of any type met: the field is gone, or has another name.
func (p *planner) unused() error {
	for name := range p.rules {
		if !p.used[name] {
			return fmt.Errorf("the rule for %s names no field: look what became of it, and correct the rules", name)
		}
	}
	return nil
}

// plan returns the encoder of the type.
func (p *planner) plan(t reflect.Type) (encoder, error) {
	if known, ok := p.plans[t]; ok {
		return func(w *walk, v reflect.Value) { (*known)(w, v) }, nil
	}
	place := new(encoder)
	p.plans[t] = place
	e, err := p.planKind(t)
	*place = e
	return e, err
}

func (p *planner) planKind(t reflect.Type) (encoder, error) {
	switch t.Kind() {
	case reflect.Bool:
		return addBool, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(w *walk, v reflect.Value) { w.add(uint64(v.Int())) }, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(w *walk, v reflect.Value) { w.add(v.Uint()) }, nil
	case reflect.Pointer:
		return p.planPointer(t)
	case reflect.Slice, reflect.Array:
		return p.planList(t)
	case reflect.Struct:
		return p.planStruct(t)
	default:
		return nil, fmt.Errorf("%s cannot be a part of a fingerprint: give the field a rule", t)
	}
}

func addBool(w *walk, v reflect.Value) {
	if v.Bool() {
		w.add(1)
	} else {
		w.add(0)
	}
}

func (p *planner) planPointer(t reflect.Type) (encoder, error) {
	target, err := p.plan(t.Elem())
	return func(w *walk, v reflect.Value) {
		if v.IsNil() {
			w.add(0)
			return
		}
		w.add(1)
		target(w, v.Elem())
	}, err
}

// planList takes nil and empty slices for the same, as the core does.
func (p *planner) planList(t reflect.Type) (encoder, error) {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		return func(w *walk, v reflect.Value) { w.addBytes(v.Bytes()) }, nil
	}
	element, err := p.plan(t.Elem())
	return func(w *walk, v reflect.Value) {
		n := v.Len()
		w.add(uint64(n))
		for i := 0; i < n; i++ {
			element(w, v.Index(i))
		}
	}, err
}

// planned is a field of a struct with what treats it.
type planned struct {
	index                 int
	whole, element, inner encoder
	add                   func(w *walk, f field)
}

func (p *planner) planStruct(t reflect.Type) (encoder, error) {
	var fields []planned
	for i := 0; i < t.NumField(); i++ {
		f, counts, err := p.planField(t, i)
		if err != nil {
			return nil, err
		}
		if counts {
			fields = append(fields, f)
		}
	}
	return func(w *walk, v reflect.Value) {
		for i := range fields {
			f := &fields[i]
			if f.add == nil {
				f.whole(w, v.Field(f.index))
				continue
			}
			f.add(w, field{owner: v, value: v.Field(f.index), whole: f.whole, element: f.element, inner: f.inner})
		}
	}, nil
}

// planField returns what treats a field, and whether it counts at all.
func (p *planner) planField(t reflect.Type, i int) (f planned, counts bool, err error) {
	name := t.String() + "." + t.Field(i).Name
	r, excepted := p.rules[name]
	if !excepted {
		p.fields = append(p.fields, name)
		f.whole, err = p.plan(t.Field(i).Type)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return planned{index: i, whole: f.whole}, true, err
	}
	p.used[name] = true
	p.fields = append(p.fields, fmt.Sprintf("%s  %s: %s", name, r.how, r.why))
	if r.add == nil {
		return planned{}, false, nil
	}
	f = planned{index: i, add: r.add}
	if f.whole, err = p.plan(t.Field(i).Type); err != nil {
		return f, true, fmt.Errorf("%s: %w", name, err)
	}
	if t.Field(i).Type.Kind() != reflect.Slice {
		return f, true, nil
	}
	element := t.Field(i).Type.Elem()
	if f.element, err = p.plan(element); err == nil && element.Kind() == reflect.Slice {
		f.inner, err = p.plan(element.Elem())
	}
	return f, true, err
}
