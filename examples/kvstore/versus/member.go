package main

// A member of etcd, as a process of its own: the server as a library, with its own raft and everything at its defaults but
// addresses, logging and quota.

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcdQuota bounds the size of a member's database: far more than a run writes.
const etcdQuota = 8 << 30

func runMember(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet(roleMember, flag.ContinueOnError)
	name := flags.String("name", "", "the member's name")
	dir := flags.String("data", "", "its directory")
	client := flags.String("client", "", "its URL for clients")
	peer := flags.String("peer", "", "its URL for members")
	cluster := flags.String("cluster", "", "all members: NAME=URL,...")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, err := memberConfig(*name, *dir, *client, *peer, *cluster)
	if err != nil {
		return err
	}
	member, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("start a member of etcd: %w", err)
	}
	defer member.Close()
	select {
	case <-member.Server.ReadyNotify():
		fmt.Fprintf(stdout, "etcd %s serves %s\n", *name, *client)
	case err := <-member.Err():
		return fmt.Errorf("a member of etcd has failed: %w", err)
	case <-ctx.Done():
		return nil
	}
	select {
	case err := <-member.Err():
		return fmt.Errorf("a member of etcd has failed: %w", err)
	case <-ctx.Done():
		return nil
	}
}

func memberConfig(name, dir, client, peer, cluster string) (*embed.Config, error) {
	config := embed.NewConfig()
	forClients, err := url.Parse(client)
	if err != nil {
		return nil, err
	}
	forPeers, err := url.Parse(peer)
	if err != nil {
		return nil, err
	}
	config.Name, config.Dir = name, dir
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*forClients}, []url.URL{*forClients}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*forPeers}, []url.URL{*forPeers}
	config.InitialCluster, config.InitialClusterToken = cluster, "versus"
	config.LogLevel, config.LogOutputs = "error", []string{"stderr"}
	config.QuotaBackendBytes = etcdQuota
	return config, config.Validate()
}
