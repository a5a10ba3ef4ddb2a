package httptransport

import (
	"sync"
	"time"
)

// Keeping what a peer does over and over out of the log.

const (
	quietFor  = 10 * time.Minute
	quietKeys = 512
)

// A quiet remembers what was logged lately. Its methods may be called from any goroutine.
type quiet struct {
	mu     sync.Mutex
	logged map[string]time.Time
}

// admits reports whether something is to be logged: at most once in quietFor, and at most quietKeys different things.
func (q *quiet) admits(key string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at, ok := q.logged[key]; ok && now.Sub(at) < quietFor {
		return false
	}
	if len(q.logged) >= quietKeys {
		q.forgetOld(now)
	}
	if len(q.logged) >= quietKeys {
		return false
	}
	if q.logged == nil {
		q.logged = map[string]time.Time{}
	}
	q.logged[key] = now
	return true
}

func (q *quiet) forgetOld(now time.Time) {
	for key, at := range q.logged {
		if now.Sub(at) >= quietFor {
			delete(q.logged, key)
		}
	}
}
