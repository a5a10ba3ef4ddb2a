package server_test

import (
	"os"
	"testing"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
)

func TestMain(m *testing.M) {
	cluster.ServeIfMember()
	os.Exit(m.Run())
}
