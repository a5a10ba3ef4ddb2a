package store

import (
	"encoding/binary"
	"fmt"
)

// What a command has led to, and its encoding: Apply returns it on every member, and it is what idempotency remembers.

// A Code says how a command ended.
type Code uint8

// The codes.
const (
	// CodeOK: the command was carried out. A transaction whose comparisons failed was carried out too.
	CodeOK Code = 1 + iota
	// CodePreconditionFailed: the condition of a put or delete does not hold. Nothing has changed.
	CodePreconditionFailed
	// CodeNotFound: a delete without condition found no such key. Nothing has changed.
	CodeNotFound
	// CodeIdempotencyConflict: the idempotency key was used by a command with other content. Nothing has changed.
	CodeIdempotencyConflict
	// CodeInvalid: the command could not be decoded. Nothing has changed.
	CodeInvalid
	// CodeTooLarge: the gets of a transaction exceed MaxResultBytes. Nothing has changed.
	CodeTooLarge
)

// A Result is what a command has led to.
type Result struct {
	Code Code
	// Rev is the store's revision after the command. If Changed is set, it is the command's own.
	Rev uint64
	// Changed says that the command changed something: a delete has deleted, a transaction has written.
	Changed bool
	// Exists says that the key of a put or delete existed before, and KeyRev which revision had last changed it; 0 if it did
	// not exist. With CodePreconditionFailed this is what is there.
	Exists bool
	KeyRev uint64
	// Succeeded says that the comparisons of a transaction held: Ops are the results of Then, otherwise of Else.
	Succeeded bool
	Ops       []OpResult
	// Replayed says that the result is that of an earlier command with the same idempotency key.
	Replayed bool
	// Message says what is wrong, with the codes that report an error.
	Message string
}

// An OpResult is the result of one operation of a transaction.
type OpResult struct {
	Kind OpKind
	// Exists says of OpGet that the key exists, of the others that it existed before.
	Exists bool
	// Rev is that of the transaction for OpPut, that of the key for OpGet.
	Rev uint64
	// CreateRev, Version and Value belong to OpGet.
	CreateRev, Version uint64
	Value              []byte
	// Omitted says of OpGet that there was a value, which is not in this result: it is that of an earlier command, or this member
	// got the result with a snapshot, and values are not remembered.
	Omitted bool
}

const (
	resultVersion = 1

	flagChanged   = 1 << 0
	flagExists    = 1 << 1
	flagSucceeded = 1 << 2
	flagReplayed  = 1 << 3
	flagOmitted   = 1 << 4 // of an operation
	flagValues    = 1 << 4 // of the result: gets have values

	resultFlagsAt = 2 // where the flags of an encoded result are
)

func (r *Result) flags() byte {
	var flags byte
	if r.Changed {
		flags |= flagChanged
	}
	if r.Exists {
		flags |= flagExists
	}
	if r.Succeeded {
		flags |= flagSucceeded
	}
	if r.Replayed {
		flags |= flagReplayed
	}
	for i := range r.Ops {
		if r.Ops[i].hasValue() {
			return flags | flagValues
		}
	}
	return flags
}

func (o *OpResult) hasValue() bool { return o.Kind == OpGet && o.Exists && !o.Omitted }

// valueBytes is how much the values are that gets have read.
func (r *Result) valueBytes() int {
	n := 0
	for i := range r.Ops {
		n += len(r.Ops[i].Value)
	}
	return n
}

// Condense drops the values that gets have read from an encoded result, which is what is remembered of it. See
// replica.Condenser.
func (s *Store) Condense(result []byte) []byte {
	if len(result) <= resultFlagsAt || result[resultFlagsAt]&flagValues == 0 {
		return result
	}
	r, err := DecodeResult(result)
	if err != nil {
		return result // it is not one of Apply's
	}
	r.omitValues()
	return r.Append(nil)
}

// Append writes the encoded result to dst.
func (r *Result) Append(dst []byte) []byte {
	dst = append(dst, resultVersion, byte(r.Code), r.flags())
	dst = binary.AppendUvarint(dst, r.Rev)
	dst = binary.AppendUvarint(dst, r.KeyRev)
	dst = appendBytes(dst, r.Message)
	dst = binary.AppendUvarint(dst, uint64(len(r.Ops)))
	for i := range r.Ops {
		dst = r.Ops[i].append(dst)
	}
	return dst
}

func (o *OpResult) append(dst []byte) []byte {
	var flags byte
	if o.Exists {
		flags = flagExists
	}
	if o.Omitted {
		flags |= flagOmitted
	}
	dst = append(dst, byte(o.Kind), flags)
	dst = binary.AppendUvarint(dst, o.Rev)
	if o.Kind != OpGet {
		return dst
	}
	dst = binary.AppendUvarint(dst, o.CreateRev)
	dst = binary.AppendUvarint(dst, o.Version)
	return appendBytes(dst, o.Value)
}

// omitValues drops the values that gets have read. It says whether there were any.
func (r *Result) omitValues() bool {
	omitted := false
	for i := range r.Ops {
		o := &r.Ops[i]
		if o.hasValue() {
			o.Value, o.Omitted, omitted = nil, true, true
		}
	}
	return omitted
}

// DecodeResult decodes what Apply returned for a command. The result refers to data.
func DecodeResult(data []byte) (Result, error) {
	d := decoder{rest: data}
	if version := d.byte(); version != resultVersion && d.err == nil {
		return Result{}, fmt.Errorf("result of version %d, this program knows %d: %w", version, resultVersion, ErrInvalid)
	}
	r := Result{Code: Code(d.byte())}
	flags := d.byte()
	r.Changed = flags&flagChanged != 0
	r.Exists = flags&flagExists != 0
	r.Succeeded = flags&flagSucceeded != 0
	r.Replayed = flags&flagReplayed != 0
	r.Rev = d.uvarint()
	r.KeyRev = d.uvarint()
	r.Message = string(d.bytes())
	if n := d.count(MaxOps); n > 0 {
		r.Ops = make([]OpResult, n)
	}
	for i := range r.Ops {
		r.Ops[i].decode(&d)
	}
	if err := d.end(); err != nil {
		return Result{}, fmt.Errorf("result: %w", err)
	}
	return r, nil
}

func (o *OpResult) decode(d *decoder) {
	o.Kind = OpKind(d.byte())
	flags := d.byte()
	o.Exists = flags&flagExists != 0
	o.Omitted = flags&flagOmitted != 0
	o.Rev = d.uvarint()
	if o.Kind != OpGet {
		return
	}
	o.CreateRev = d.uvarint()
	o.Version = d.uvarint()
	o.Value = d.bytes()
}
