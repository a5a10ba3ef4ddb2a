// Package ports finds ports of 127.0.0.1 for processes that are started later, and again at the same place.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

// A port is let go before its process listens on it. So it has to be one that the system gives to nobody meanwhile, neither for an
// outgoing connection nor to who asks for any port: on Linux those begin at 32768, elsewhere at 49152.
const (
	lowest  = 20000
	highest = 31999
	// each is how many ports a process chooses from, by its ID: processes that run side by side, such as tests, keep out of each
	// other's way.
	each = 500
)

// taken are the ports that were handed out: their processes may not listen yet.
var (
	mu    sync.Mutex
	taken = map[int]bool{}
)

// Free returns an address with a port on which nobody listens, another one each time. It may be called from any goroutine.
func Free() (string, error) {
	mu.Lock()
	defer mu.Unlock()
	var last error
	first := lowest + os.Getpid()%((highest-lowest+1)/each)*each
	for range 10 * each {
		port := first + rand.IntN(each)
		if taken[port] {
			continue
		}
		if last = Probe(At(port)); last == nil {
			taken[port] = true
			return At(port), nil
		}
	}
	return "", fmt.Errorf("no port of 127.0.0.1 from %d to %d is free: %w", first, first+each-1, last)
}

// At returns the address with that port.
func At(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Probe returns an error if the address cannot be listened on.
func Probe(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return listener.Close()
}
