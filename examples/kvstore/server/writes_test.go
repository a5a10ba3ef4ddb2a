package server

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConditionalIncrements has many clients increment one number by compare and set, on all members.
func TestConditionalIncrements(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.put(1, "n", "0")
	const clients, times = 4, 8
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for i := range clients {
		url := c.members[uint64(i%3+1)].url
		wg.Go(func() { errs <- incrementOften(c.client, url, times) })
	}
	wg.Wait()
	for range clients {
		require.NoError(t, <-errs)
	}
	require.Equal(t, strconv.Itoa(clients*times), c.do(2, "GET", "/kv/n", "").text())
}

func incrementOften(client *http.Client, url string, times int) error {
	for done := 0; done < times; {
		a, err := send(client, "GET", url+"/kv/n", "")
		if err != nil || a.status != http.StatusOK {
			return fmt.Errorf("read: %v, %v", a, err)
		}
		n, err := strconv.Atoi(a.text())
		if err != nil {
			return err
		}
		set, err := send(client, "PUT", url+"/kv/n", strconv.Itoa(n+1), "If-Match", a.header.Get("ETag"))
		switch {
		case err != nil:
			return err
		case set.status == http.StatusOK:
			done++
		case set.status != http.StatusPreconditionFailed:
			return fmt.Errorf("write: %d %s", set.status, set.text())
		}
	}
	return nil
}

func TestIdempotencyAcrossMembersAndRestarts(t *testing.T) {
	c := newCluster(t, 3, nil)
	key := []string{"Idempotency-Key", "once"}
	first := c.do(1, "PUT", "/kv/a", "1", key...)
	require.Equal(t, http.StatusOK, first.status, first.text())
	require.Empty(t, first.header.Get("Idempotency-Replayed"))
	c.put(2, "a", "2")
	for id := range uint64(3) {
		if id == 2 {
			c.restart(c.leader())
			c.leader()
		}
		again := c.do(id+1, "PUT", "/kv/a", "1", key...)
		require.Equal(t, first.text(), again.text())
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	}
	require.Equal(t, "2", c.do(1, "GET", "/kv/a", "").text())

	other := c.do(3, "PUT", "/kv/a", "another", key...)
	require.Equal(t, http.StatusConflict, other.status)
	require.Equal(t, "idempotency_conflict", other.code())

	// Refusals are repeated too.
	for _, replayed := range []string{"", "true"} {
		a := c.do(2, "DELETE", "/kv/none", "", "Idempotency-Key", "delete")
		require.Equal(t, http.StatusNotFound, a.status)
		require.Equal(t, replayed, a.header.Get("Idempotency-Replayed"))
	}
	txn := `{"then":[{"put":{"key":"n","value":"1"}}]}`
	one := c.do(1, "POST", "/txn", txn, "Idempotency-Key", "txn")
	two := c.do(2, "POST", "/txn", txn, "Idempotency-Key", "txn")
	require.Equal(t, one.text(), two.text())
	require.Equal(t, "true", two.header.Get("Idempotency-Replayed"))
}

// TestWriteSurvivesTheLeader sends writes to a follower while leaders crash: each request is answered, and applied once.
func TestWriteSurvivesTheLeader(t *testing.T) {
	c := newCluster(t, 3, nil)
	follower := c.follower()
	url := c.members[follower].url
	c.put(follower, "n", "x")
	const writes = 40
	done := make(chan error, 1)
	go func() {
		for i := range writes {
			a, err := send(c.client, "PUT", fmt.Sprintf("%s/kv/k%d", url, i), "x", "X-Request-Timeout", "60s", "If-None-Match", "*")
			if err != nil || a.status != http.StatusOK {
				done <- fmt.Errorf("write %d: %+v, %v", i, a, err)
				return
			}
		}
		done <- nil
	}()
	for range 2 {
		if leader := c.leader(); leader != follower {
			c.crashAndRestart(leader)
		}
	}
	require.NoError(t, <-done)
	for i := range writes {
		var page listAnswer
		c.do(follower, "GET", fmt.Sprintf("/kv?prefix=k%d&limit=1", i), "").json(t, &page)
		require.EqualValues(t, 1, page.Items[0].Version)
	}
}

func TestWithoutMajorityNothingIsAcknowledged(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.put(1, "a", "1")
	c.stop(2)
	c.stop(3)
	short := []string{"X-Request-Timeout", "300ms"}
	a := c.do(1, "PUT", "/kv/a", "2", short...)
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.text())
	require.Contains(t, []string{"timeout", "no_leader", "unavailable"}, a.code())
	a = c.do(1, "GET", "/kv/a", "", short...)
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Contains(t, []string{"timeout", "no_leader"}, a.code())
	require.Equal(t, "1", c.do(1, "GET", "/kv/a?consistency=stale", "").text())
	require.Equal(t, http.StatusServiceUnavailable, c.do(1, "GET", "/readyz", "").status)
	require.Equal(t, http.StatusOK, c.do(1, "GET", "/healthz", "").status)
	a = c.do(1, "POST", "/cluster/leader", `{"id":2}`, short...)
	require.Contains(t, []int{http.StatusServiceUnavailable, http.StatusConflict}, a.status, a.text())
}
