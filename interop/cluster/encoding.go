package cluster

import (
	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/interop/wire"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What travels between the driver and a member, in the types of this library.

// encode returns the bytes of a message, an entry, a state or a change. There are none that cannot be encoded.
func encode(v interface{ Marshal() ([]byte, error) }) []byte {
	b, err := v.Marshal()
	if err != nil {
		panic("encoding for a member: " + err.Error())
	}
	if b == nil {
		b = []byte{}
	}
	return b
}

func encodeEntries(ents []pb.Entry) [][]byte {
	list := make([][]byte, len(ents))
	for i := range ents {
		list[i] = encode(&ents[i])
	}
	return list
}

func encodeChange(e *wire.Encoder, cc pb.ConfChangeI) {
	if v1, old := cc.AsV1(); old {
		e.Bool(true)
		e.Bytes(encode(&v1))
		return
	}
	v2 := cc.AsV2()
	e.Bool(false)
	e.Bytes(encode(&v2))
}

// decodeReady returns a Ready that came in an answer.
func decodeReady(r *wire.Ready) (rd raft.Ready, err error) {
	if r.HasSoft {
		rd.SoftState = &raft.SoftState{Lead: r.Lead, RaftState: raft.StateType(r.Role)}
	}
	if err := rd.HardState.Unmarshal(r.HardState); err != nil {
		return rd, err
	}
	if err := rd.Snapshot.Unmarshal(r.Snapshot); err != nil {
		return rd, err
	}
	if rd.Entries, err = decodeEntries(r.Entries); err != nil {
		return rd, err
	}
	if rd.CommittedEntries, err = decodeEntries(r.Committed); err != nil {
		return rd, err
	}
	for _, b := range r.Messages {
		var m pb.Message
		if err := m.Unmarshal(b); err != nil {
			return rd, err
		}
		rd.Messages = append(rd.Messages, m)
	}
	for _, read := range r.Reads {
		rd.ReadStates = append(rd.ReadStates, raft.ReadState{RequestCtx: read.Context, Index: read.Index})
	}
	for _, read := range r.Lost {
		rd.LostReads = append(rd.LostReads, raft.LostRead{RequestCtx: read.Context})
	}
	rd.MustSync = r.MustSync
	return rd, nil
}

func decodeEntries(list [][]byte) (ents []pb.Entry, err error) {
	for _, b := range list {
		var e pb.Entry
		if err := e.Unmarshal(b); err != nil {
			return nil, err
		}
		ents = append(ents, e)
	}
	return ents, nil
}
