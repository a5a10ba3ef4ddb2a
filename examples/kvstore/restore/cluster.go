package restore

// The members: their addresses, their processes, and what they say of themselves.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
	"github.com/seed695671cb/raft/examples/kvstore/internal/ports"
	"github.com/seed695671cb/raft/examples/kvstore/internal/process"
)

// voters is how many members begin the cluster; the next one is the one that is added.
const (
	voters    = 3
	newMember = voters + 1
)

// trailing is how many entries the members keep in their logs for those that are behind: less than by default, since
// these are large.
const trailing = 1000

// often is how long to wait between looking whether something has happened.
const often = 50 * time.Millisecond

// A cluster is the members, by their IDs from 1 on.
type cluster struct {
	config  *Config
	nursery *process.Nursery
	http    *http.Client
	kv      *client.Client // of the members that begin
	listen  [newMember + 1]string
	url     [newMember + 1]string
	members [newMember + 1]*process.Process
	relay   *relay // in front of the new member
}

// view is what a member says of itself, as far as it matters here.
type view struct {
	Leader    uint64 `json:"leader"`
	Commit    uint64 `json:"commit"`
	Applied   uint64 `json:"applied"`
	First     uint64 `json:"first"`
	Last      uint64 `json:"last"`
	Keys      uint64 `json:"keys"`
	Receiving *struct {
		Bytes int64 `json:"bytes"`
	} `json:"receiving"`
	Members []struct {
		ID    uint64  `json:"id"`
		State string  `json:"state"`
		Lag   *uint64 `json:"lag"`
	} `json:"members"`
}

// newCluster chooses addresses. Nothing runs yet but the relay.
func newCluster(config *Config) (*cluster, error) {
	c := &cluster{config: config, nursery: process.NewNursery(), http: &http.Client{Timeout: 10 * time.Second}}
	var err error
	for id := 1; id <= newMember && err == nil; id++ {
		c.listen[id], err = ports.Free()
		c.url[id] = "http://" + c.listen[id]
	}
	if err == nil {
		c.relay, err = newRelay(c.listen[newMember])
	}
	if err == nil {
		c.url[newMember] = "http://" + c.relay.address()
		c.kv, err = client.New(client.Options{Endpoints: c.url[1:newMember], Timeout: time.Minute, AttemptTimeout: 20 * time.Second, Discover: true})
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// start starts a member, with the data that it has.
func (c *cluster) start(id int) error {
	last := max(voters, id)
	peers := make([]string, 0, last)
	for i := 1; i <= last; i++ {
		peers = append(peers, strconv.Itoa(i)+"="+c.url[i])
	}
	name := filepath.Join(c.config.Dir, strconv.Itoa(id))
	args := []string{
		"serve", "--id", strconv.Itoa(id), "--listen", c.listen[id], "--url", c.url[id], "--peers", strings.Join(peers, ","),
		"--data", name, "--cluster", "restore", "--trailing-entries", strconv.Itoa(trailing),
	}
	if id == newMember {
		args = append(args, "--join")
	}
	p, err := c.nursery.Start(c.config.Program, args, name+".log")
	if err != nil {
		return err
	}
	c.members[id] = p
	return nil
}

// close ends everything that runs.
func (c *cluster) close() error {
	for _, p := range c.members {
		if p != nil {
			p.Stop()
		}
	}
	c.nursery.Close()
	c.http.CloseIdleConnections()
	if c.kv != nil {
		c.kv.Close()
	}
	if c.relay != nil {
		return c.relay.close()
	}
	return nil
}

// view asks a member what it knows.
func (c *cluster) view(ctx context.Context, id int) (view, error) {
	var v view
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.listen[id]+"/cluster", nil)
	if err != nil {
		return v, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return v, fmt.Errorf("ask member %d for its state: %w", id, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return v, fmt.Errorf("ask member %d for its state: %s", id, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		return v, fmt.Errorf("read the state of member %d: %w", id, err)
	}
	return v, nil
}

// until waits until something is so; what it looks at may fail meanwhile. A member that has ended is an error at once.
func (c *cluster) until(ctx context.Context, what string, so func() (bool, error)) error {
	return c.untilEvery(ctx, often, what, so)
}

func (c *cluster) untilEvery(ctx context.Context, interval time.Duration, what string, so func() (bool, error)) error {
	var last error
	for {
		ok, err := so()
		if err == nil && ok {
			return nil
		}
		if err != nil {
			last = err
		}
		if err := c.alive(); err != nil {
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, errors.Join(ctx.Err(), last))
		case <-time.After(interval):
		}
	}
}

// alive says whether a member has ended by itself.
func (c *cluster) alive() error {
	for id, p := range c.members {
		if p == nil {
			continue
		}
		select {
		case <-p.Gone():
			return fmt.Errorf("member %d has ended: see %s", id, filepath.Join(c.config.Dir, strconv.Itoa(id)+".log"))
		default:
		}
	}
	return nil
}
