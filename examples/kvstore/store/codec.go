package store

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// The encoding of commands: a version, a kind, the idempotency key, and the fields of the kind. Numbers are uvarints in their
// shortest form, byte strings have their length before them, so that one command has exactly one encoding.

const commandVersion = 1

// Encode encodes a command for a proposal. The error says what is wrong with it, and is ErrInvalid or ErrTooLarge.
func Encode(c *Command) ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	data := make([]byte, 0, c.sizeHint())
	data = append(data, commandVersion, byte(c.Kind))
	data = appendBytes(data, c.IdempotencyKey)
	if c.Kind == KindTxn {
		data = c.appendTxn(data)
	} else {
		data = append(data, byte(c.Cond.Kind))
		data = binary.AppendUvarint(data, c.Cond.Rev)
		data = appendBytes(data, c.Key)
	}
	if c.Kind == KindPut {
		data = appendBytes(data, c.Value)
	}
	if len(data) > MaxCommandBytes {
		return nil, fmt.Errorf("the command has %d bytes: at most %d are allowed: %w", len(data), MaxCommandBytes, ErrTooLarge)
	}
	return data, nil
}

func (c *Command) sizeHint() int {
	size := 32 + len(c.IdempotencyKey) + len(c.Key) + len(c.Value)
	for i := range c.Compares {
		size += 24 + len(c.Compares[i].Key) + len(c.Compares[i].Value)
	}
	for _, list := range [...][]Op{c.Then, c.Else} {
		for i := range list {
			size += 12 + len(list[i].Key) + len(list[i].Value)
		}
	}
	return size
}

func (c *Command) appendTxn(data []byte) []byte {
	data = binary.AppendUvarint(data, uint64(len(c.Compares)))
	for i := range c.Compares {
		compare := &c.Compares[i]
		data = append(data, byte(compare.Target), byte(compare.Operator))
		data = appendBytes(data, compare.Key)
		if compare.Target == TargetValue {
			data = appendBytes(data, compare.Value)
		} else {
			data = binary.AppendUvarint(data, compare.Number)
		}
	}
	for _, list := range [...][]Op{c.Then, c.Else} {
		data = binary.AppendUvarint(data, uint64(len(list)))
		for i := range list {
			data = append(data, byte(list[i].Kind))
			data = appendBytes(data, list[i].Key)
			if list[i].Kind == OpPut {
				data = appendBytes(data, list[i].Value)
			}
		}
	}
	return data
}

// Decode decodes a command. Its fields refer to data. The error says what is wrong, and is ErrInvalid or ErrTooLarge.
func Decode(data []byte) (Command, error) {
	var c Command
	err := c.decode(data)
	return c, err
}

// decode sets c to what data encodes, and makes use of the slices that it has.
func (c *Command) decode(data []byte) error {
	*c = Command{Compares: c.Compares[:0], Then: c.Then[:0], Else: c.Else[:0]}
	if len(data) > MaxCommandBytes {
		return fmt.Errorf("the command has %d bytes: at most %d are allowed: %w", len(data), MaxCommandBytes, ErrTooLarge)
	}
	d := decoder{rest: data}
	if version := d.byte(); version != commandVersion && d.err == nil {
		return fmt.Errorf("command of version %d, this program knows %d: %w", version, commandVersion, ErrInvalid)
	}
	c.Kind = CommandKind(d.byte())
	c.IdempotencyKey = string(d.bytes())
	switch c.Kind {
	case KindPut:
		c.decodeSingle(&d)
		c.Value = d.bytes()
	case KindDelete:
		c.decodeSingle(&d)
	case KindTxn:
		c.decodeTxn(&d)
	}
	if d.err == nil && c.Kind <= KindTxn && c.Kind >= KindPut {
		d.err = d.end()
	}
	if d.err != nil {
		return fmt.Errorf("command: %w", d.err)
	}
	return c.Check()
}

func (c *Command) decodeSingle(d *decoder) {
	c.Cond.Kind = ConditionKind(d.byte())
	c.Cond.Rev = d.uvarint()
	c.Key = d.bytes()
}

func (c *Command) decodeTxn(d *decoder) {
	n := d.count(MaxCompares)
	c.Compares = slices.Grow(c.Compares, n)[:n]
	for i := range c.Compares {
		compare := Compare{Target: Target(d.byte()), Operator: Operator(d.byte()), Key: d.bytes()}
		if compare.Target == TargetValue {
			compare.Value = d.bytes()
		} else {
			compare.Number = d.uvarint()
		}
		c.Compares[i] = compare
	}
	c.Then = decodeOps(c.Then, d)
	c.Else = decodeOps(c.Else, d)
}

func decodeOps(list []Op, d *decoder) []Op {
	n := d.count(MaxOps)
	list = slices.Grow(list, n)[:n]
	for i := range list {
		list[i] = Op{Kind: OpKind(d.byte()), Key: d.bytes()}
		if list[i].Kind == OpPut {
			list[i].Value = d.bytes()
		}
	}
	return list
}

func appendBytes[T []byte | string](dst []byte, b T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// A decoder takes fields from the front of rest. After the first error it yields zero values.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%s, %d bytes before the end: %w", what, len(d.rest), ErrInvalid)
	}
	d.rest = nil
}

func (d *decoder) byte() byte {
	if d.err != nil || len(d.rest) == 0 {
		d.fail("it is cut short")
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail("a number is cut short or has more than 64 bits")
		return 0
	}
	if n > 1 && d.rest[n-1] == 0 {
		d.fail("a number is not in its shortest form")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if d.err != nil {
		return nil
	}
	if n > uint64(len(d.rest)) {
		d.fail("a byte string is cut short")
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// count takes the length of a list.
func (d *decoder) count(most int) int {
	n := d.uvarint()
	if d.err == nil && n > uint64(most) {
		d.fail(fmt.Sprintf("a list has %d elements, at most %d are allowed", n, most))
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

// end returns the decoder's error, or one if something is left.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail("there is more than there should be")
	}
	return d.err
}
