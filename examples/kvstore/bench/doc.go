// Package bench puts load on a key-value store, measures it, and checks afterwards that the store holds what it
// acknowledged.
//
// Every key belongs to one of the clients, which alone writes it, with values that say who wrote them, when, and as
// the how many-th. So it is known what each key must hold at the end: the last value that was acknowledged, or one
// that was sent after it and got no answer. Verify reads all keys back and reports each that holds something else.
// Reads in the course of the load are checked in the same way.
//
// A write whose outcome is unknown is sent again, under the same Idempotency-Key, when its key is next to be
// written; so a late copy of it cannot come after a newer value.
//
// Without Config.Rate the load is a closed loop: each client sends its next request when the last one is answered. With it,
// requests are due at fixed times, and latency counts from when a request was due, not from when a client was free to
// send it. Otherwise a store that stalls would be measured only once per client for each stall.
package bench
