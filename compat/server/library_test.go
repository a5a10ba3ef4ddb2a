package server_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// library is what has to be behind the name by which etcd imports Raft.
const library = "github.com/seed695671cb/raft"

func TestEtcdRunsOnThisLibrary(t *testing.T) {
	require.Equal(t, library+"/raftpb", reflect.TypeFor[raftpb.Message]().PkgPath())
	require.Equal(t, library, reflect.TypeFor[raft.Node]().PkgPath())

	// What etcd's server itself was compiled with: the messages that it takes from its peers.
	process, found := reflect.TypeFor[*etcdserver.EtcdServer]().MethodByName("Process")
	require.True(t, found)
	require.Equal(t, library+"/raftpb", process.Type.In(2).PkgPath())
}
