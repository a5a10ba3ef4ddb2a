package wire

// Start is a life that begins: how the member is set, and what its disk holds.
type Start struct {
	ID                        uint64
	ElectionTick              uint64
	HeartbeatTick             uint64
	Applied                   uint64
	MaxSizePerMsg             uint64
	MaxCommittedSizePerReady  uint64
	MaxUncommittedEntriesSize uint64
	MaxInflightMsgs           uint64
	MaxInflightBytes          uint64
	MaxPendingReads           uint64 // not known to all

	AsyncStorageWrites        bool
	CheckQuorum               bool
	PreVote                   bool
	LeaseReads                bool
	DisableProposalForwarding bool
	StepDownOnRemoval         bool

	// Rand is the state of the generator, a rand.PCG, from which all is drawn that is left to chance.
	Rand []byte

	HardState, ConfState, Snapshot []byte
	// First and FirstTerm are of the entry before Entries.
	First, FirstTerm uint64
	Entries          [][]byte
}

// numbers and flags list the fields in the order in which they travel.
func (s *Start) numbers() []*uint64 {
	return []*uint64{
		&s.ID, &s.ElectionTick, &s.HeartbeatTick, &s.Applied, &s.MaxSizePerMsg, &s.MaxCommittedSizePerReady,
		&s.MaxUncommittedEntriesSize, &s.MaxInflightMsgs, &s.MaxInflightBytes, &s.MaxPendingReads, &s.First, &s.FirstTerm,
	}
}

func (s *Start) flags() []*bool {
	return []*bool{
		&s.AsyncStorageWrites, &s.CheckQuorum, &s.PreVote, &s.LeaseReads, &s.DisableProposalForwarding, &s.StepDownOnRemoval,
	}
}

func (s *Start) strings() []*[]byte {
	return []*[]byte{&s.Rand, &s.HardState, &s.ConfState, &s.Snapshot}
}

// Encode appends it to a frame.
func (s *Start) Encode(e *Encoder) {
	for _, v := range s.numbers() {
		e.Uint(*v)
	}
	for _, v := range s.flags() {
		e.Bool(*v)
	}
	for _, v := range s.strings() {
		e.Bytes(*v)
	}
	e.List(s.Entries)
}

// Decode takes it from a frame.
func (s *Start) Decode(d *Decoder) {
	for _, v := range s.numbers() {
		*v = d.Uint()
	}
	for _, v := range s.flags() {
		*v = d.Bool()
	}
	for _, v := range s.strings() {
		*v = d.Bytes()
	}
	s.Entries = d.List()
}
