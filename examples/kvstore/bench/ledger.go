package bench

// The ledger: what was sent and acknowledged for each key, and what a key may therefore hold.

import (
	"fmt"
	"sync/atomic"
)

// account is the ledger's page of one key. Its owner alone writes it; everybody reads it.
type account struct {
	sent  atomic.Uint64 // number of the newest write that was sent
	acked atomic.Uint64 // number of the newest write that was acknowledged, 0 if none was
}

// verdict is what is wrong with a key.
type verdict string

const (
	fine    verdict = ""
	lost    verdict = "lost"    // the key is not there, although a write was acknowledged
	stale   verdict = "stale"   // it holds an older value than the last one that was acknowledged
	torn    verdict = "torn"    // what it holds is not what anybody wrote
	foreign verdict = "foreign" // it holds a value of another key, writer or run, or one that was never sent
)

type ledger struct {
	config   *Config
	accounts []account
}

func newLedger(config *Config) *ledger {
	return &ledger{config: config, accounts: make([]account, config.Keys)}
}

func (l *ledger) keyName(key int) string {
	return fmt.Sprintf("%s%08d", l.config.Prefix, key)
}

// owner is the client that writes a key.
func (l *ledger) owner(key int) int {
	return key % l.config.Clients
}

// judge tells whether a key may hold a value, where atLeast is the number of the newest write that was acknowledged when
// the read began.
func (l *ledger) judge(key int, value []byte, exists bool, atLeast uint64) (verdict, string) {
	if !exists {
		if atLeast > 0 {
			return lost, fmt.Sprintf("write %d was acknowledged, and the key does not exist", atLeast)
		}
		return fine, ""
	}
	s, err := parseStamp(value)
	if err != nil {
		return torn, err.Error()
	}
	if s.run != l.config.Run {
		return l.judgeOtherRun(key, s, atLeast)
	}
	if s.key != key || s.writer != l.owner(key) {
		return foreign, fmt.Sprintf("it holds the value of key %d by writer %d", s.key, s.writer)
	}
	if sent := l.accounts[key].sent.Load(); s.seq > sent {
		return foreign, fmt.Sprintf("it holds write %d, and only %d were sent", s.seq, sent)
	}
	if s.seq < atLeast {
		return stale, fmt.Sprintf("write %d was acknowledged, and the key holds write %d", atLeast, s.seq)
	}
	return fine, ""
}

// judgeOtherRun judges a value of an earlier run, which may stand until this run has written the key.
func (l *ledger) judgeOtherRun(key int, s stamp, atLeast uint64) (verdict, string) {
	if s.key != key {
		return foreign, fmt.Sprintf("it holds the value of key %d of the run %s", s.key, s.run)
	}
	if atLeast > 0 {
		return stale, fmt.Sprintf("write %d was acknowledged, and the key holds a value of the run %s", atLeast, s.run)
	}
	return fine, ""
}
