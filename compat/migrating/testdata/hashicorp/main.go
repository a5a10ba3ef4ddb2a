// A replicated map over hashicorp/raft, as it may be found before a move: its state machine, its snapshot store, and two
// commands.
//
//	oldkv fill          write some pairs, and make a snapshot, as the last act of the old cluster
//	oldkv export FILE   write the state of the newest snapshot to FILE
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func main() {
	err := errors.New("want fill or export FILE")
	switch {
	case len(os.Args) == 2 && os.Args[1] == "fill":
		err = fill()
	case len(os.Args) == 3 && os.Args[1] == "export":
		err = export(os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "oldkv:", err)
		os.Exit(1)
	}
}

func openSnapshots() (*raft.FileSnapshotStore, error) {
	return raft.NewFileSnapshotStoreWithLogger("old", 2, hclog.NewNullLogger())
}

// fill writes to a cluster of one, which is stopped in the end.
func fill() error {
	snapshots, err := openSnapshots()
	if err != nil {
		return err
	}
	config := raft.DefaultConfig()
	config.LocalID = "a"
	config.Logger = hclog.NewNullLogger()
	config.HeartbeatTimeout, config.ElectionTimeout = 100*time.Millisecond, 100*time.Millisecond
	config.LeaderLeaseTimeout = 50 * time.Millisecond
	address, transport := raft.NewInmemTransport("a")
	store := raft.NewInmemStore()
	r, err := raft.NewRaft(config, &machine{state: map[string]string{}}, store, store, snapshots, transport)
	if err != nil {
		return err
	}
	servers := []raft.Server{{ID: config.LocalID, Address: address}}
	if err := r.BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil {
		return err
	}
	<-r.LeaderCh()
	for n := range 100 {
		command, err := json.Marshal([2]string{fmt.Sprintf("old/%d", n), strconv.Itoa(n)})
		if err != nil {
			return err
		}
		if err := r.Apply(command, time.Second).Error(); err != nil {
			return err
		}
	}
	if err := r.Snapshot().Error(); err != nil {
		return err
	}
	return r.Shutdown().Error()
}

// export copies what FSM.Persist has written into the newest snapshot.
func export(name string) error {
	snapshots, err := openSnapshots()
	if err != nil {
		return err
	}
	list, err := snapshots.List() // the newest comes first
	if err != nil || len(list) == 0 {
		return fmt.Errorf("no snapshot: %w", err)
	}
	_, in, err := snapshots.Open(list[0].ID)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// machine is the state machine.
type machine struct{ state map[string]string }

// Apply implements raft.FSM.
func (m *machine) Apply(entry *raft.Log) any {
	var pair [2]string
	if err := json.Unmarshal(entry.Data, &pair); err != nil {
		return err
	}
	m.state[pair[0]] = pair[1]
	return nil
}

// Snapshot implements raft.FSM.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) { return copied(maps.Clone(m.state)), nil }

// Restore implements raft.FSM.
func (m *machine) Restore(in io.ReadCloser) error {
	defer in.Close()
	m.state = map[string]string{}
	return json.NewDecoder(in).Decode(&m.state)
}

// copied is the state at the moment of a snapshot.
type copied map[string]string

// Persist implements raft.FSMSnapshot.
func (c copied) Persist(sink raft.SnapshotSink) error {
	if err := json.NewEncoder(sink).Encode(c); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (c copied) Release() {}
