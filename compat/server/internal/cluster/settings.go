package cluster

import (
	"net/url"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Raft's clock in members. An election takes one to two times electionMs.
const (
	tickMs     = 50
	electionMs = 500
)

// settings are what a member is started with, in this process or in one of its own.
type settings struct {
	Name           string
	Dir            string
	Peer, Clients  url.URL
	InitialCluster string
	ClusterState   string
	Token          string
	SnapshotCount  uint64
	CatchUpEntries uint64
}

// config returns etcd's own form of the settings; what they do not mention is as etcd has it by default.
func (s settings) config(logger *zap.Logger) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name = s.Name
	cfg.Dir = s.Dir
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{s.Peer}, []url.URL{s.Peer}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{s.Clients}, []url.URL{s.Clients}
	cfg.InitialCluster = s.InitialCluster
	cfg.InitialClusterToken = s.Token
	cfg.ClusterState = s.ClusterState
	cfg.TickMs, cfg.ElectionMs = tickMs, electionMs
	cfg.SnapshotCount = s.SnapshotCount
	cfg.SnapshotCatchUpEntries = s.CatchUpEntries
	cfg.WarningUnaryRequestDuration = Patience // say nothing of slow requests
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logger)
	return cfg
}
