package store

import (
	"errors"
	"fmt"
)

// The commands that change the store, and what they are bounded by. They are what a member proposes: Encode writes one as bytes,
// Apply decodes it on every member.

// Bounds of commands and of their results.
const (
	// MaxKeyBytes bounds a key. Keys are not empty.
	MaxKeyBytes = 4096
	// MaxValueBytes bounds a value, which may be empty.
	MaxValueBytes = 4 << 20
	// MaxIdempotencyKeyBytes bounds an idempotency key.
	MaxIdempotencyKeyBytes = 256
	// MaxCompares and MaxOps bound a transaction: its comparisons, and each of its two lists of operations.
	MaxCompares = 128
	MaxOps      = 128
	// MaxCommandBytes bounds an encoded command.
	MaxCommandBytes = 8 << 20
	// MaxResultBytes bounds the values that the gets of one transaction return, taken together.
	MaxResultBytes = 8 << 20
	// MaxRememberedBytes bounds what is kept of a command with an idempotency key, its key and all overhead included. A
	// transaction with MaxOps operations stays below it, since the values that gets have read are not kept.
	MaxRememberedBytes = 8 << 10
)

// Errors of Encode and Decode; also of reads that are given such keys.
var (
	// ErrInvalid says that a command, a key or a result is not formed as it should be.
	ErrInvalid = errors.New("invalid")
	// ErrTooLarge says that something exceeds its bound.
	ErrTooLarge = errors.New("too large")
)

// A CommandKind says what a Command does.
type CommandKind uint8

// The kinds of commands.
const (
	// KindPut sets Key to Value, if Cond holds.
	KindPut CommandKind = 1 + iota
	// KindDelete removes Key, if Cond holds.
	KindDelete
	// KindTxn runs Then if all Compares hold, Else otherwise, as one change.
	KindTxn
)

// A Command is one that Apply carries out. Only the fields of its kind count.
type Command struct {
	Kind CommandKind
	// Key, Value and Cond belong to KindPut and, without Value, to KindDelete.
	Key, Value []byte
	Cond       Condition
	// Compares, Then and Else belong to KindTxn.
	Compares   []Compare
	Then, Else []Op
	// IdempotencyKey, unless empty, makes the command apply once: another one with the same key and the same content
	// gets the first one's result, with Replayed set; one with other content gets CodeIdempotencyConflict.
	IdempotencyKey string
}

// A Condition is what a put or a delete asks of the key's present state. The zero value asks nothing.
type Condition struct {
	Kind ConditionKind
	// Rev belongs to CondRev.
	Rev uint64
}

// A ConditionKind says what a Condition asks.
type ConditionKind uint8

// The kinds of conditions.
const (
	// CondNone always holds.
	CondNone ConditionKind = iota
	// CondRev holds if the key exists and was last changed by revision Rev.
	CondRev
	// CondAbsent holds if the key does not exist.
	CondAbsent
	// CondExists holds if the key exists.
	CondExists
)

// IfRev returns the condition that the key's revision is rev.
func IfRev(rev uint64) Condition { return Condition{Kind: CondRev, Rev: rev} }

// IfAbsent returns the condition that the key does not exist.
func IfAbsent() Condition { return Condition{Kind: CondAbsent} }

// IfExists returns the condition that the key exists.
func IfExists() Condition { return Condition{Kind: CondExists} }

// holds says whether a key in the given state meets the condition.
func (c Condition) holds(k keyState) bool {
	switch c.Kind {
	case CondRev:
		return k.exists && k.rev == c.Rev
	case CondAbsent:
		return !k.exists
	case CondExists:
		return k.exists
	default:
		return true
	}
}

// A Compare is a comparison of a transaction: Target of Key, Operator, operand. A key that does not exist has the
// revisions and the version 0 and an empty value.
type Compare struct {
	Key      []byte
	Target   Target
	Operator Operator
	// Number is the operand, except for TargetValue. For TargetExists it is 1 or 0.
	Number uint64
	// Value is the operand of TargetValue. Values are ordered as bytes.
	Value []byte
}

// A Target is what a Compare looks at.
type Target uint8

// The targets.
const (
	TargetValue Target = 1 + iota
	TargetRev
	TargetCreated
	TargetVersion
	TargetExists
)

// An Operator is how a Compare compares.
type Operator uint8

// The operators.
const (
	Equal Operator = 1 + iota
	NotEqual
	Less
	Greater
)

// An OpKind says what an Op does.
type OpKind uint8

// The kinds of operations of a transaction.
const (
	OpPut OpKind = 1 + iota
	OpDelete
	OpGet
)

// An Op is an operation of a transaction. It sees what the operations before it did.
type Op struct {
	Kind OpKind
	Key  []byte
	// Value belongs to OpPut.
	Value []byte
}

// CheckKey returns an error that says what is wrong with a key, nil if nothing.
func CheckKey(key []byte) error {
	if len(key) == 0 {
		return fmt.Errorf("the key is empty: it must have 1 to %d bytes: %w", MaxKeyBytes, ErrInvalid)
	}
	if len(key) > MaxKeyBytes {
		return fmt.Errorf("the key has %d bytes: it must have 1 to %d: %w", len(key), MaxKeyBytes, ErrTooLarge)
	}
	return nil
}

func checkValue(value []byte) error {
	if len(value) > MaxValueBytes {
		return fmt.Errorf("the value has %d bytes: at most %d are allowed: %w", len(value), MaxValueBytes, ErrTooLarge)
	}
	return nil
}

// Check returns an error that says what is wrong with the command, nil if nothing: what Encode and Decode ask too.
func (c *Command) Check() error {
	if len(c.IdempotencyKey) > MaxIdempotencyKeyBytes {
		return fmt.Errorf("the idempotency key has %d bytes: at most %d are allowed: %w",
			len(c.IdempotencyKey), MaxIdempotencyKeyBytes, ErrTooLarge)
	}
	switch c.Kind {
	case KindPut:
		return errors.Join(CheckKey(c.Key), checkValue(c.Value), c.Cond.check())
	case KindDelete:
		return errors.Join(CheckKey(c.Key), c.Cond.check())
	case KindTxn:
		return c.checkTxn()
	default:
		return fmt.Errorf("command of kind %d is not known: %w", c.Kind, ErrInvalid)
	}
}

func (c Condition) check() error {
	if c.Kind > CondExists {
		return fmt.Errorf("condition of kind %d is not known: %w", c.Kind, ErrInvalid)
	}
	return nil
}

func (c *Command) checkTxn() error {
	if len(c.Compares) > MaxCompares {
		return fmt.Errorf("the transaction has %d compares: at most %d are allowed: %w", len(c.Compares), MaxCompares, ErrTooLarge)
	}
	for i := range c.Compares {
		if err := c.Compares[i].check(); err != nil {
			return fmt.Errorf("compare %d: %w", i, err)
		}
	}
	for _, list := range [...][]Op{c.Then, c.Else} {
		if len(list) > MaxOps {
			return fmt.Errorf("the transaction has a list of %d operations: at most %d are allowed: %w", len(list), MaxOps, ErrTooLarge)
		}
		for i := range list {
			if err := list[i].check(); err != nil {
				return fmt.Errorf("operation %d: %w", i, err)
			}
		}
	}
	return nil
}

func (c *Compare) check() error {
	if c.Target < TargetValue || c.Target > TargetExists {
		return fmt.Errorf("target %d is not known: %w", c.Target, ErrInvalid)
	}
	if c.Operator < Equal || c.Operator > Greater {
		return fmt.Errorf("operator %d is not known: %w", c.Operator, ErrInvalid)
	}
	return errors.Join(CheckKey(c.Key), checkValue(c.Value))
}

func (o *Op) check() error {
	if o.Kind < OpPut || o.Kind > OpGet {
		return fmt.Errorf("operation of kind %d is not known: %w", o.Kind, ErrInvalid)
	}
	return errors.Join(CheckKey(o.Key), checkValue(o.Value))
}
