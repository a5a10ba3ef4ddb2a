package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// errRetry tells an answer that may change from one that is wrong for good.
var errRetry = errors.New("members are not comparable yet")

// CheckAgreement starts the members that are stopped, and fails the test unless all of them hold the same: the hash over
// all keys and all revisions since the last compaction, at one revision. No member may have raised an alarm.
func (c *Cluster) CheckAgreement() {
	c.t.Helper()
	c.StartAll()
	var revision int64
	var hash uint32
	Await(c.t, "hashes can be compared", func() error {
		var err error
		revision, hash, err = c.compareHashes()
		if err != nil && !errors.Is(err, errRetry) {
			require.NoError(c.t, err)
		}
		return err
	})
	c.t.Logf("%d members agree at revision %d: hash %08x", len(c.Members()), revision, hash)
	c.checkAlarms()
}

// compareHashes returns the revision and the hash that all members have in common.
func (c *Cluster) compareHashes() (int64, uint32, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	members := c.Members()
	revision, err := c.commonRevision(ctx, members)
	if err != nil {
		return 0, 0, err
	}
	var all []hashOf
	for _, m := range members {
		got, err := c.client.HashKV(ctx, m.Endpoint(), revision)
		if err != nil {
			return 0, 0, fmt.Errorf("%w: %w", errRetry, err)
		}
		all = append(all, hashOf{member: m.Name, compacted: got.CompactRevision, hash: got.Hash})
	}
	return revision, all[0].hash, agree(all)
}

// A hashOf is one member's hash over the revisions after the last that it has compacted.
type hashOf struct {
	member    string
	compacted int64
	hash      uint32
}

// agree returns why the hashes are not the same, or not over the same revisions.
func agree(all []hashOf) error {
	first := all[0]
	for _, other := range all[1:] {
		if other.compacted != first.compacted {
			return fmt.Errorf("%w: %s has compacted up to %d, %s up to %d", errRetry,
				first.member, first.compacted, other.member, other.compacted)
		}
		if other.hash != first.hash {
			return fmt.Errorf("members differ: %s has the hash %08x, %s %08x", first.member, first.hash, other.member, other.hash)
		}
	}
	return nil
}

// commonRevision returns a revision that all members have: the newest that each has shows it.
func (c *Cluster) commonRevision(ctx context.Context, members []*Member) (int64, error) {
	var revision int64
	for i, m := range members {
		got, err := m.client.Get(ctx, "no such key", clientv3.WithSerializable())
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errRetry, err)
		}
		if i == 0 {
			revision = got.Header.Revision
		}
		if got.Header.Revision != revision {
			return 0, fmt.Errorf("%w: %s is at revision %d, %s at %d", errRetry,
				members[0].Name, revision, m.Name, got.Header.Revision)
		}
	}
	return revision, nil
}

func (c *Cluster) checkAlarms() {
	c.t.Helper()
	Await(c.t, "alarms are listed", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		alarms, err := c.client.AlarmList(ctx)
		if err == nil {
			require.Empty(c.t, alarms.Alarms)
		}
		return err
	})
}
