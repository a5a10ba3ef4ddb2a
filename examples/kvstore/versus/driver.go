package main

// The clients of the two systems, behind one interface. Each talks to one endpoint, as programs do that run next to a member; clients
// are spread over the members in turn.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// callTime bounds one call, so that a cluster that hangs becomes an error.
const callTime = 30 * time.Second

var errNoSuchKey = errors.New("there is no such key")

// A store is a system as one client sees it. Reads are linearizable, and a write that has returned is durable on a quorum.
type store interface {
	put(ctx context.Context, key string, value []byte) error
	get(ctx context.Context, key string) ([]byte, error)
	close() error
}

// connect makes one store for each endpoint.
func connect(system, op string, endpoints []string) ([]store, error) {
	var stores []store
	for _, endpoint := range endpoints {
		s, err := connectTo(system, op, endpoint)
		if err != nil {
			return nil, errors.Join(err, closeAll(stores))
		}
		stores = append(stores, s)
	}
	return stores, nil
}

func connectTo(system, op, endpoint string) (store, error) {
	switch system {
	case systemKvstore:
		c, err := client.New(client.Options{
			Endpoints: []string{endpoint}, Timeout: callTime, AttemptTimeout: callTime, Unkeyed: op == opPlain,
		})
		return kvstoreClient{c}, err
	case systemEtcd:
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: callTime})
		return etcdClient{c}, err
	default:
		return nil, fmt.Errorf("the system %q is unknown: use %s or %s", system, systemKvstore, systemEtcd)
	}
}

func closeAll(stores []store) error {
	var errs []error
	for _, s := range stores {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

type kvstoreClient struct{ c *client.Client }

func (k kvstoreClient) put(ctx context.Context, key string, value []byte) error {
	_, err := k.c.Put(ctx, key, value)
	return err
}

func (k kvstoreClient) get(ctx context.Context, key string) ([]byte, error) {
	value, err := k.c.Get(ctx, key)
	if errors.Is(err, client.ErrNotFound) {
		return nil, errNoSuchKey
	}
	return value.Data, err
}

func (k kvstoreClient) close() error {
	k.c.Close()
	return nil
}

type etcdClient struct{ c *clientv3.Client }

func (e etcdClient) put(ctx context.Context, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := e.c.Put(ctx, key, string(value))
	return err
}

func (e etcdClient) get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := e.c.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(answer.Kvs) == 0 {
		return nil, errNoSuchKey
	}
	return answer.Kvs[0].Value, nil
}

func (e etcdClient) close() error { return e.c.Close() }
