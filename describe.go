// Text forms of the library's values for people: scripts, logs, debuggers. They are deterministic, but not a format to
// parse; later versions may change them.

package raft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	pb "github.com/seed695671cb/raft/raftpb"
)

// EntryFormatter renders the Data of an entry that belongs to the application. Where the Describe functions take one,
// nil stands for a Go string literal in ASCII, as the verb %+q makes it. A text of several lines is put in as it is.
type EntryFormatter func(data []byte) string

// indentStep is what each level of nesting moves a line to the right.
const indentStep = "  "

// emptyText stands for a value all of whose fields are zero.
const emptyText = "empty"

// DescribeHardState returns the fields of hs that are not zero, on one line: "Term:2 Vote:1 Commit:7".
func DescribeHardState(hs pb.HardState) string {
	var d description
	d.number("Term", hs.Term)
	d.number("Vote", hs.Vote)
	d.number("Commit", hs.Commit)
	return d.textOr(emptyText)
}

// DescribeSoftState returns the role, and the leader if one is known, on one line: "State:StateFollower Lead:2".
func DescribeSoftState(ss SoftState) string {
	var d description
	d.word("State:" + ss.RaftState.String())
	d.number("Lead", ss.Lead)
	return d.text()
}

// DescribeStatus shows a status over a few lines: the member, its configuration, and a line for each member's progress.
func DescribeStatus(s Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%x %s term=%d vote=%x lead=%x commit=%d applied=%d",
		s.ID, s.RaftState, s.Term, s.Vote, s.Lead, s.Commit, s.Applied)
	if s.LeadTransferee != None {
		fmt.Fprintf(&b, " transferee=%x", s.LeadTransferee)
	}
	fmt.Fprintf(&b, "\n%s", s.Config)
	ids := make([]uint64, 0, len(s.Progress))
	for id := range s.Progress {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		pr := s.Progress[id]
		fmt.Fprintf(&b, "\n%x: %s", id, pr.String())
	}
	return b.String()
}

// DescribeConfState returns the fields of state that are not empty, on one line, each list in the order it has:
// "Voters:[1 2 3] VotersOutgoing:[1 2] Learners:[4] LearnersNext:[2] AutoLeave".
func DescribeConfState(state pb.ConfState) string {
	var d description
	d.members(state)
	return d.textOr(emptyText)
}

// DescribeSnapshot returns the identity of the last entry that snap stands for, the membership at it, and the size of
// the application's data, on one line: "2/5 Voters:[1 2 3] Data:12B".
func DescribeSnapshot(snap pb.Snapshot) string {
	var d description
	if id := snapshotID(&snap); id != (entryID{}) {
		d.word(id.String())
	}
	d.members(snap.Metadata.ConfState)
	if len(snap.Data) > 0 {
		d.word(fmt.Sprintf("Data:%dB", len(snap.Data)))
	}
	return d.textOr(emptyText)
}

// DescribeEntry returns term, index, type and content of e: `1/4 EntryNormal "x"`. f renders the Data of an
// application's entry; a membership change is decoded and shown in the form of raftpb.ConfChangesToString. Data that
// does not decode is shown as malformed, with the reason.
func DescribeEntry(e pb.Entry, f EntryFormatter) string {
	return fmt.Sprintf("%s %s %s", idOf(&e), e.Type, describeData(&e, f))
}

// DescribeEntries returns one line for each entry, in the form of DescribeEntry, with a line break after each.
func DescribeEntries(ents []pb.Entry, f EntryFormatter) string {
	var b strings.Builder
	writeEntries(&b, ents, f, "")
	return b.String()
}

// DescribeMessage returns sender, target, type and all fields of m that are not zero, in the form
//
//	1->2 MsgApp Term:1 Log:1/3 Commit:3 Entries:[1/4 EntryNormal "x"]
//
// without a line break at the end. Log is LogTerm and Index together; an Index without a term is shown as Index. In the
// refusal of an append, Reject gives the index that was refused and Hint where to go on. Several entries, and all
// responses to be delivered by a storage thread, follow on lines of their own, indented.
func DescribeMessage(m pb.Message, f EntryFormatter) string {
	var b strings.Builder
	writeMessage(&b, &m, f, "")
	return b.String()
}

// DescribeReady returns one section for each field of rd that is not empty, in the order of the struct, with a line
// break after each line. A Ready without content is "empty" and a line break.
func DescribeReady(rd Ready, f EntryFormatter) string {
	var b strings.Builder
	if rd.SoftState != nil {
		fmt.Fprintf(&b, "SoftState %s\n", DescribeSoftState(*rd.SoftState))
	}
	writeUnlessEmpty(&b, "HardState", DescribeHardState(rd.HardState))
	writeReads(&b, &rd)
	if len(rd.Entries) > 0 {
		b.WriteString("Entries\n")
		writeEntries(&b, rd.Entries, f, indentStep)
	}
	writeUnlessEmpty(&b, "Snapshot", DescribeSnapshot(rd.Snapshot))
	if len(rd.CommittedEntries) > 0 {
		b.WriteString("CommittedEntries\n")
		writeEntries(&b, rd.CommittedEntries, f, indentStep)
	}
	if len(rd.Messages) > 0 {
		b.WriteString("Messages\n")
		writeMessages(&b, rd.Messages, f, indentStep)
	}
	if rd.MustSync {
		b.WriteString("MustSync\n")
	}
	if b.Len() == 0 {
		return emptyText + "\n"
	}
	return b.String()
}

func writeUnlessEmpty(b *strings.Builder, name, text string) {
	if text != emptyText {
		fmt.Fprintf(b, "%s %s\n", name, text)
	}
}

func writeReads(b *strings.Builder, rd *Ready) {
	if len(rd.ReadStates) > 0 {
		b.WriteString("ReadStates\n")
	}
	for _, rs := range rd.ReadStates {
		fmt.Fprintf(b, "%sIndex:%d Context:%s\n", indentStep, rs.Index, describeBytes(rs.RequestCtx))
	}
	if len(rd.LostReads) > 0 {
		b.WriteString("LostReads\n")
	}
	for _, lost := range rd.LostReads {
		fmt.Fprintf(b, "%sContext:%s Reason:%v\n", indentStep, describeBytes(lost.RequestCtx), lost.Reason)
	}
}

func writeEntries(b *strings.Builder, ents []pb.Entry, f EntryFormatter, indent string) {
	for i := range ents {
		b.WriteString(indent)
		b.WriteString(DescribeEntry(ents[i], f))
		b.WriteByte('\n')
	}
}

func writeMessages(b *strings.Builder, msgs []pb.Message, f EntryFormatter, indent string) {
	for i := range msgs {
		b.WriteString(indent)
		writeMessage(b, &msgs[i], f, indent)
		b.WriteByte('\n')
	}
}

// writeMessage writes m without an indent before its first line and with one before all others.
func writeMessage(b *strings.Builder, m *pb.Message, f EntryFormatter, indent string) {
	b.WriteString(describeFields(m))
	switch {
	case len(m.Entries) == 1:
		fmt.Fprintf(b, " Entries:[%s]", DescribeEntry(m.Entries[0], f))
	case len(m.Entries) > 1:
		b.WriteString(" Entries:[\n")
		writeEntries(b, m.Entries, f, indent+indentStep)
		b.WriteString(indent + "]")
	}
	if len(m.Responses) > 0 {
		b.WriteString(" Responses:[\n")
		writeMessages(b, m.Responses, f, indent+indentStep)
		b.WriteString(indent + "]")
	}
}

// describeFields returns all of m except for its entries and responses.
func describeFields(m *pb.Message) string {
	var d description
	d.word(describeTarget(m.From) + "->" + describeTarget(m.To))
	d.word(m.Type.String())
	d.number("Term", m.Term)
	refusal := m.Type == pb.MsgAppResp && m.Reject
	switch {
	case refusal:
		// What replicas say in it: LogTerm is the term at the hint, Index is the position that did not match.
	case m.LogTerm != 0:
		d.word("Log:" + entryID{term: m.LogTerm, index: m.Index}.String())
	default:
		d.number("Index", m.Index)
	}
	d.number("Commit", m.Commit)
	d.number("Vote", m.Vote)
	switch {
	case refusal:
		d.word(fmt.Sprintf("Reject:%d Hint:%s", m.Index, entryID{term: m.LogTerm, index: m.RejectHint}))
	default:
		d.flag("Reject", m.Reject)
		d.number("Hint", m.RejectHint)
	}
	d.bytes("Context", m.Context)
	if m.Snapshot != nil {
		d.word("Snapshot:{" + DescribeSnapshot(*m.Snapshot) + "}")
	}
	return d.text()
}

func describeTarget(id uint64) string {
	if id == None {
		return "None"
	}
	if !IsLocalMsgTarget(id) {
		return strconv.FormatUint(id, 10)
	}
	if id == LocalAppendThread {
		return "AppendThread"
	}
	return "ApplyThread"
}

func describeData(e *pb.Entry, f EntryFormatter) string {
	switch {
	case e.Type == pb.EntryConfChange:
		return describeConfChange(e.Data)
	case e.Type == pb.EntryConfChangeV2:
		return describeConfChangeV2(e.Data)
	case f != nil:
		return f(e.Data)
	default:
		return strconv.QuoteToASCII(string(e.Data))
	}
}

func describeConfChange(data []byte) string {
	var cc pb.ConfChange
	if err := cc.Unmarshal(data); err != nil {
		return describeMalformed(data, err)
	}
	var d description
	d.word(pb.ConfChangesToString(cc.AsV2().Changes))
	d.number("ID", cc.ID)
	d.bytes("Context", cc.Context)
	return d.text()
}

func describeConfChangeV2(data []byte) string {
	var cc pb.ConfChangeV2
	if err := cc.Unmarshal(data); err != nil {
		return describeMalformed(data, err)
	}
	var d description
	switch {
	case cc.LeaveJoint():
		d.word("leave-joint")
	case len(cc.Changes) == 0:
		d.word("no-changes")
	default:
		d.word(pb.ConfChangesToString(cc.Changes))
	}
	if cc.Transition != pb.ConfChangeTransitionAuto {
		d.word("Transition:" + strings.TrimPrefix(cc.Transition.String(), "ConfChangeTransition"))
	}
	d.bytes("Context", cc.Context)
	return d.text()
}

func describeMalformed(data []byte, err error) string {
	return fmt.Sprintf("malformed %s (%v)", describeBytes(data), err)
}

// describeBytes quotes what consists of printable ASCII characters and writes all else in hexadecimal.
func describeBytes(data []byte) string {
	for _, c := range data {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("%#x", data)
		}
	}
	return strconv.QuoteToASCII(string(data))
}

// description is a line of words with a space between two of them. Fields whose value is zero are left out.
type description struct {
	line []byte
}

func (d *description) text() string { return string(d.line) }

func (d *description) textOr(otherwise string) string {
	if len(d.line) == 0 {
		return otherwise
	}
	return d.text()
}

func (d *description) word(w string) {
	if len(d.line) > 0 {
		d.line = append(d.line, ' ')
	}
	d.line = append(d.line, w...)
}

func (d *description) number(name string, n uint64) {
	if n != 0 {
		d.word(name + ":" + strconv.FormatUint(n, 10))
	}
}

func (d *description) flag(name string, set bool) {
	if set {
		d.word(name)
	}
}

func (d *description) ids(name string, ids []uint64) {
	if len(ids) > 0 {
		d.word(fmt.Sprintf("%s:%d", name, ids))
	}
}

func (d *description) bytes(name string, data []byte) {
	if len(data) > 0 {
		d.word(name + ":" + describeBytes(data))
	}
}

func (d *description) members(cs pb.ConfState) {
	d.ids("Voters", cs.Voters)
	d.ids("VotersOutgoing", cs.VotersOutgoing)
	d.ids("Learners", cs.Learners)
	d.ids("LearnersNext", cs.LearnersNext)
	d.flag("AutoLeave", cs.AutoLeave)
}
