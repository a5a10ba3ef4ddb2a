package main

// This file carries messages between members, as the bytes that the library encodes them to, and takes requests.

import (
	"context"
	"errors"
	"net"
	"net/rpc"
	"os"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// link is the way to one peer.
type link struct {
	queue chan *raftpb.Message
}

// send queues a message. One that finds the queue full is lost, as on any network.
func (m *member) send(msg *raftpb.Message) {
	to := m.links[msg.GetTo()]
	if to == nil {
		to = &link{queue: make(chan *raftpb.Message, 1024)}
		m.links[msg.GetTo()] = to
		go m.carry(to, msg.GetTo())
	}
	select {
	case to.queue <- msg:
	default:
		m.lost(msg)
	}
}

// carry delivers what is queued for a peer.
func (m *member) carry(l *link, id uint64) {
	var client *rpc.Client
	for {
		select {
		case msg := <-l.queue:
			client = m.deliver(client, id, msg)
		case <-m.quit:
			if client != nil {
				client.Close()
			}
			return
		}
	}
}

// deliver sends one message, over a new connection if there is none. It returns the connection, nil if it is broken.
func (m *member) deliver(client *rpc.Client, id uint64, msg *raftpb.Message) *rpc.Client {
	data, err := proto.Marshal(msg)
	if err == nil && client == nil {
		client, err = rpc.Dial("unix", socket(id))
	}
	if err != nil {
		m.lost(msg)
		return nil
	}
	if err := client.Call("Member.Step", data, &struct{}{}); err != nil {
		client.Close()
		m.lost(msg)
		return nil
	}
	if msg.GetType() == raftpb.MsgSnap {
		m.node.ReportSnapshot(msg.GetTo(), raft.SnapshotFinish)
	}
	return client
}

// lost tells the library that a message did not arrive.
func (m *member) lost(msg *raftpb.Message) {
	m.node.ReportUnreachable(msg.GetTo())
	if !raft.IsEmptySnap(msg.GetSnapshot()) {
		m.node.ReportSnapshot(msg.GetTo(), raft.SnapshotFailure)
	}
}

// listen takes connections from peers and clients.
func (m *member) listen() error {
	os.Remove(socket(m.id))
	listener, err := net.Listen("unix", socket(m.id))
	if err != nil {
		return err
	}
	m.listener = listener
	server := rpc.NewServer()
	if err := server.RegisterName("Member", &Member{m}); err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go server.ServeConn(conn)
		}
	}()
	return nil
}

// Member is what peers and clients may call.
type Member struct{ m *member }

// Step takes in a message of a peer. What the library refuses is lost, which is no fault of the connection; a member that
// was stopped has the peer connect anew.
func (api *Member) Step(data []byte, _ *struct{}) error {
	msg := new(raftpb.Message)
	if err := proto.Unmarshal(data, msg); err != nil {
		return err
	}
	// The lineage holds a proposal that was passed on until there is a leader; heartbeats wait behind it on this connection.
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := api.m.node.Step(ctx, msg); errors.Is(err, raft.ErrStopped) {
		return err
	}
	return nil
}

// Put writes a pair.
func (api *Member) Put(pair Pair, _ *struct{}) error { return api.m.put(pair) }

// Get reads everything.
func (api *Member) Get(_ struct{}, state *map[string]string) (err error) {
	*state, err = api.m.get()
	return err
}

// Status says how the member is.
func (api *Member) Status(_ struct{}, s *Status) error {
	*s = api.m.status()
	return nil
}

// Transfer asks for leadership to be handed over.
func (api *Member) Transfer(to uint64, _ *struct{}) error {
	api.m.node.TransferLeadership(context.Background(), api.m.id, to)
	return nil
}
