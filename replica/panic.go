package replica

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
)

// Panics of what an application brings: its state machine, its views, its OnEvent. They end the replica that called it, as an
// error would, and nothing else: a host runs other groups too.

// A panicError says what cannot go on because of a panic.
type panicError struct {
	what  string
	value any
	stack []byte
}

func (e *panicError) Error() string {
	return fmt.Sprintf("%s cannot go on: panic: %v\n%s", e.what, e.value, e.stack)
}

// Unwrap returns what the panic was about, if that is an error.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// contain has a panic of the function that defers it be an error of that function.
func contain(what string, err *error) {
	if p := recover(); p != nil {
		*err = &panicError{what: what, value: p, stack: debug.Stack()}
	}
}

// guarded calls f, whose panic is an error.
func guarded(what string, f func() error) (err error) {
	defer contain(what, &err)
	return f()
}

// A guardedView is a view whose panics are errors, and fail the replica: it is used on goroutines of many kinds.
type guardedView struct {
	view View
	fail func(error)
}

func (v *guardedView) WriteTo(w io.Writer) (n int64, err error) {
	err = v.guarded(func() (err error) { n, err = v.view.WriteTo(w); return err })
	return n, err
}

func (v *guardedView) Close() error { return v.guarded(v.view.Close) }

func (v *guardedView) guarded(f func() error) error {
	err := guarded("a view of the state machine", f)
	var p *panicError
	if errors.As(err, &p) {
		v.fail(err)
	}
	return err
}
