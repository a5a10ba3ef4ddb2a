package workload

import (
	"bytes"
	"fmt"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W8: encoding and decoding an append of some entries of 128 bytes.

// encoding is one message and its bytes, and what the work made of them last.
type encoding struct {
	msg     lib.Message
	data    []byte
	out     []byte
	decoded lib.Message
	size    int // the sum of all sizes
}

type encodingCase struct {
	name string
	ops  int
	work func(e *encoding, n int) error
	// made says what the work made, and thus what is checked.
	made func(e *encoding) ([]byte, error)
}

func encodings() []Workload {
	cases := []encodingCase{
		{"size", 20_000_000, (*encoding).sizes, (*encoding).madeSize},
		{"marshal", 10_000_000, (*encoding).marshal, (*encoding).madeBytes},
		{"marshalto", 10_000_000, (*encoding).marshalTo, (*encoding).madeBytes},
		{"unmarshal", 4_000_000, (*encoding).unmarshal, (*encoding).madeMessage},
	}
	if lib.HasAlias {
		cases = append(cases, encodingCase{"alias", 4_000_000, (*encoding).alias, (*encoding).madeMessage})
	}
	var all []Workload
	for _, entries := range []int{1, 64} {
		for _, c := range cases {
			all = append(all, Workload{
				Name: fmt.Sprintf("W8/%s/entries=%d", c.name, entries), Unit: "message", Operations: c.ops / (entries + 9),
				New: func(n int) (measure.Job, int, error) { return c.start(entries, n) },
			})
		}
	}
	return all
}

func (c encodingCase) start(entries, n int) (measure.Job, int, error) {
	payload := payloadOf(128)
	ents := make([]lib.Entry, entries)
	for i := range ents {
		ents[i] = lib.NewEntry(5, uint64(100_001+i), payload)
	}
	e := &encoding{msg: lib.NewAppend(2, 1, 5, 100_000, 5, 100_000, ents)}
	var err error
	if e.data, err = lib.Marshal(&e.msg); err != nil {
		return measure.Job{}, 0, err
	}
	if lib.Size(&e.msg) != len(e.data) {
		return measure.Job{}, 0, fmt.Errorf("the size is %d, of %d bytes", lib.Size(&e.msg), len(e.data))
	}
	e.out = make([]byte, len(e.data))
	check := func() error {
		made, err := c.made(e)
		if err != nil {
			return err
		}
		if !bytes.Equal(made, e.data) || e.size != n*len(e.data) {
			return fmt.Errorf("%s made another message, or not %d times", c.name, n)
		}
		return nil
	}
	return measure.Job{Run: func() error { return c.work(e, n) }, Check: check}, n, nil
}

func (e *encoding) sizes(n int) error {
	for range n {
		e.size += lib.Size(&e.msg)
	}
	return nil
}

func (e *encoding) marshal(n int) error {
	for range n {
		out, err := lib.Marshal(&e.msg)
		if err != nil {
			return err
		}
		e.out = out
		e.size += len(out)
	}
	return nil
}

func (e *encoding) marshalTo(n int) error {
	for range n {
		size, err := lib.MarshalTo(&e.msg, e.out)
		if err != nil {
			return err
		}
		e.size += size
	}
	return nil
}

func (e *encoding) unmarshal(n int) error {
	var fresh lib.Message
	for range n {
		e.decoded = fresh
		if err := lib.Unmarshal(&e.decoded, e.data); err != nil {
			return err
		}
		e.size += len(e.data)
	}
	return nil
}

func (e *encoding) alias(n int) error {
	var fresh lib.Message
	for range n {
		e.decoded = fresh
		if err := lib.UnmarshalAlias(&e.decoded, e.data); err != nil {
			return err
		}
		e.size += len(e.data)
	}
	return nil
}

func (e *encoding) madeSize() ([]byte, error)    { return e.data, nil }
func (e *encoding) madeBytes() ([]byte, error)   { return e.out, nil }
func (e *encoding) madeMessage() ([]byte, error) { return lib.Marshal(&e.decoded) }
