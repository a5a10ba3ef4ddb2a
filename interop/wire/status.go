package wire

// Status is how a member stands. It comes with every answer.
type Status struct {
	ID, Term, Vote, Commit, Lead, Role, Applied, LeadTransferee uint64
}

func (s *Status) numbers() []*uint64 {
	return []*uint64{&s.ID, &s.Term, &s.Vote, &s.Commit, &s.Lead, &s.Role, &s.Applied, &s.LeadTransferee}
}

// Encode appends it to a frame.
func (s *Status) Encode(e *Encoder) {
	for _, v := range s.numbers() {
		e.Uint(*v)
	}
}

// Decode takes it from a frame.
func (s *Status) Decode(d *Decoder) {
	for _, v := range s.numbers() {
		*v = d.Uint()
	}
}

// Read is a read that is answered, or lost.
type Read struct {
	Context []byte
	Index   uint64 // of one that is answered
}

// Ready is what a library hands out.
type Ready struct {
	HasSoft    bool
	Lead, Role uint64

	HardState, Snapshot          []byte // nil if empty
	Entries, Committed, Messages [][]byte
	Reads, Lost                  []Read
	MustSync                     bool
}

// Encode appends it to a frame.
func (r *Ready) Encode(e *Encoder) {
	e.Bool(r.HasSoft)
	e.Uint(r.Lead)
	e.Uint(r.Role)
	e.Bytes(r.HardState)
	e.Bytes(r.Snapshot)
	e.List(r.Entries)
	e.List(r.Committed)
	e.List(r.Messages)
	for _, list := range [][]Read{r.Reads, r.Lost} {
		e.Uint(uint64(len(list)))
		for _, read := range list {
			e.Bytes(read.Context)
			e.Uint(read.Index)
		}
	}
	e.Bool(r.MustSync)
}

// Decode takes it from a frame.
func (r *Ready) Decode(d *Decoder) {
	r.HasSoft, r.Lead, r.Role = d.Bool(), d.Uint(), d.Uint()
	r.HardState, r.Snapshot = d.Bytes(), d.Bytes()
	r.Entries, r.Committed, r.Messages = d.List(), d.List(), d.List()
	for _, list := range []*[]Read{&r.Reads, &r.Lost} {
		for n := d.Uint(); n > 0 && d.Err() == nil; n-- {
			*list = append(*list, Read{Context: d.Bytes(), Index: d.Uint()})
		}
	}
	r.MustSync = d.Bool()
}
