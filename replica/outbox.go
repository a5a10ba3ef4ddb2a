package replica

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// An outbox collects the messages that one goroutine has for other hosts, so that those of many groups travel together.
type outbox struct {
	host  *Host
	boxes []box
}

type box struct {
	to    uint64
	batch []Message
}

// maxKept is the number of messages for which a box keeps room when it has been emptied.
const maxKept = 4096

func (o *outbox) add(group uint64, m pb.Message) {
	for i := range o.boxes {
		if o.boxes[i].to == m.To {
			o.boxes[i].batch = append(o.boxes[i].batch, Message{Group: group, Message: m})
			return
		}
	}
	o.boxes = append(o.boxes, box{to: m.To, batch: []Message{{Group: group, Message: m}}})
}

// flush hands the messages to the transport. What it does not take is reported to the groups concerned.
func (o *outbox) flush() {
	for i := range o.boxes {
		b := &o.boxes[i]
		if len(b.batch) == 0 {
			continue
		}
		if err := o.host.transport.Send(b.to, b.batch); err != nil {
			o.host.undelivered(b.to, b.batch)
		}
		clear(b.batch)
		b.batch = b.batch[:0]
		if cap(b.batch) > maxKept {
			b.batch = nil
		}
	}
}
