package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
)

// AddLearner adds a member that has no vote, and starts it.
func (c *Cluster) AddLearner() *Member {
	c.t.Helper()
	return c.add(func(ctx context.Context, m *Member) error {
		_, err := c.client.MemberAddAsLearner(ctx, []string{m.PeerURL()})
		return err
	})
}

// AddVoter adds a member that votes from the start, and starts it.
func (c *Cluster) AddVoter() *Member {
	c.t.Helper()
	return c.add(func(ctx context.Context, m *Member) error {
		_, err := c.client.MemberAdd(ctx, []string{m.PeerURL()})
		return err
	})
}

// add asks until the cluster lists the new member: etcd refuses while members have been connected for too short a time, and
// an answer may be lost.
func (c *Cluster) add(ask func(context.Context, *Member) error) *Member {
	c.t.Helper()
	m := c.newMember(c.nextName())
	c.change("add "+m.Name, func(ctx context.Context) error {
		listed, err := c.listed(ctx)
		if err == nil && !slices.ContainsFunc(listed, m.isListedAs) {
			err = ask(ctx, m)
		}
		return err
	})
	m.settings.InitialCluster = c.initialCluster(append(c.Members(), m))
	m.settings.ClusterState = embed.ClusterStateFlagExisting
	m.Start()
	c.mu.Lock()
	c.members = append(c.members, m)
	c.mu.Unlock()
	c.client.SetEndpoints(c.endpoints()...)
	return m
}

// Promote gives a learner a vote, once it has caught up.
func (c *Cluster) Promote(m *Member) {
	c.t.Helper()
	c.change("promote "+m.Name, func(ctx context.Context) error {
		listed, err := c.listed(ctx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(listed, m.isListedAs)
		if at < 0 {
			return fmt.Errorf("member %s is not listed", m.Name)
		}
		if listed[at].IsLearner {
			_, err = c.client.MemberPromote(ctx, m.ID())
		}
		return err
	})
}

// Remove removes a member, waits until it has stopped itself if it runs, and deletes its data.
func (c *Cluster) Remove(m *Member) {
	c.t.Helper()
	c.change("remove "+m.Name, func(ctx context.Context) error {
		listed, err := c.listed(ctx)
		if err == nil && slices.ContainsFunc(listed, m.isListedAs) {
			_, err = c.client.MemberRemove(ctx, m.ID())
		}
		return err
	})
	c.mu.Lock()
	c.members = slices.DeleteFunc(c.members, func(other *Member) bool { return other == m })
	c.removed = append(c.removed, m)
	c.mu.Unlock()
	c.client.SetEndpoints(c.endpoints()...)
	m.awaitEnd()
	require.NoError(c.t, os.RemoveAll(m.settings.Dir))
}

func (c *Cluster) change(what string, try func(context.Context) error) {
	c.t.Helper()
	Await(c.t, what, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		return try(ctx)
	})
}

// listed returns the members by a linearizable read.
func (c *Cluster) listed(ctx context.Context) ([]*pb.Member, error) {
	list, err := c.client.MemberList(ctx)
	if err != nil {
		return nil, err
	}
	return list.Members, nil
}

func (m *Member) isListedAs(listed *pb.Member) bool {
	return slices.Contains(listed.PeerURLs, m.PeerURL())
}

// Learners returns the names of the members that the cluster lists as learners.
func (c *Cluster) Learners() []string {
	c.t.Helper()
	var names []string
	c.change("list members", func(ctx context.Context) error {
		listed, err := c.listed(ctx)
		names = nil
		for _, m := range listed {
			if m.IsLearner {
				names = append(names, m.Name)
			}
		}
		return err
	})
	return names
}

// MoveLeader hands leadership to a member, by asking until it leads.
func (c *Cluster) MoveLeader(to *Member) {
	c.t.Helper()
	c.change("move leadership to "+to.Name, func(ctx context.Context) error {
		leader := c.Leader()
		if leader == to {
			return nil
		}
		if _, err := leader.client.MoveLeader(ctx, to.ID()); err != nil {
			return err
		}
		return errors.New("asked, look again")
	})
}
