package server_test

import (
	"context"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// increment raises a number by one, n times, by transactions that fail if another was faster.
func increment(ctx context.Context, client *clientv3.Client, key string, n int) error {
	for n > 0 {
		raised, err := tryIncrement(ctx, client, key)
		if err != nil {
			return err
		}
		if raised {
			n--
		}
	}
	return nil
}

func tryIncrement(ctx context.Context, client *clientv3.Client, key string) (bool, error) {
	got, err := client.Get(ctx, key)
	if err != nil {
		return false, err
	}
	number, revision := 0, int64(0)
	if len(got.Kvs) > 0 {
		revision = got.Kvs[0].ModRevision
		if number, err = strconv.Atoi(string(got.Kvs[0].Value)); err != nil {
			return false, err
		}
	}
	done, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
		Then(clientv3.OpPut(key, strconv.Itoa(number+1))).
		Commit()
	if err != nil {
		return false, err
	}
	return done.Succeeded, nil
}
