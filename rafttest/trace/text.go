// A run as text: for reading, in the notation of the scripts of testdata, and as such a script.

package trace

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the run for people to read. What the scripts of testdata have a command for is that command; all
// else is a comment, so that what happened stands above the command, and below it what it changed and sent. The
// violation and how all members stood at the end come last. The text is not a format to parse.
func WriteText(w io.Writer, t *Trace) error {
	b := bufio.NewWriter(w)
	p := textPrinter{w: b, t: t, states: startStates(t), fates: packetFates(t)}
	p.header()
	for i := range t.Events {
		p.event(&t.Events[i])
	}
	p.end()
	return flushed(b)
}

func flushed(b *bufio.Writer) error {
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing the trace: %w", err)
	}
	return nil
}

// startStates returns the states before the first event, by member.
func startStates(t *Trace) map[uint64]*MemberState {
	states := make(map[uint64]*MemberState, len(t.Members))
	for i := range t.Start {
		states[t.Start[i].ID] = &t.Start[i]
	}
	return states
}

// packetFates returns for each packet the events that took it in, lost it or doubled it.
func packetFates(t *Trace) map[uint64][]*Event {
	fates := map[uint64][]*Event{}
	for i := range t.Events {
		if e := &t.Events[i]; e.Packet != 0 {
			fates[e.Packet] = append(fates[e.Packet], e)
		}
	}
	return fates
}

// textPrinter writes the parts of a text in order, keeping how the members stand.
type textPrinter struct {
	w      *bufio.Writer
	t      *Trace
	states map[uint64]*MemberState
	fates  map[uint64][]*Event
}

// comment writes a comment, of several lines if the text has them, each but the first indented by a step.
func (p *textPrinter) comment(format string, args ...any) {
	writeComment(p.w, fmt.Sprintf(format, args...), "  ")
}

func writeComment(w *bufio.Writer, text, indent string) {
	for i, line := range lines(text) {
		if i > 0 {
			line = indent + line
		}
		fmt.Fprintf(w, "# %s\n", line)
	}
}

// lines splits a text, without the empty lines.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// header says what ran, what it ended with, and what the group was.
func (p *textPrinter) header() {
	p.comment("%s", p.t.Title)
	if v := p.t.Violation; v != nil {
		p.comment("Violated: %s", v.Property)
	}
	p.comment("%s of %s", counted(len(p.t.Events), "event"), counted(len(p.t.Members), "member"))
	if len(p.t.Setup) > 0 {
		fmt.Fprintln(p.w)
	}
	for _, line := range p.t.Setup {
		fmt.Fprintln(p.w, line)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// event writes what happened, the commands for it, and what came of it.
func (p *textPrinter) event(e *Event) {
	fmt.Fprintln(p.w)
	mark := " "
	if e.Fault {
		mark = "!"
	}
	p.comment("%s%*d  %s%-9s %s", mark, p.numberWidth(), e.N, p.timeText(e), e.Kind, e.Text)
	for _, line := range lines(e.Script) {
		fmt.Fprintln(p.w, line)
	}
	p.after(e)
	for i := range e.Sent {
		p.sent(&e.Sent[i])
	}
}

func (p *textPrinter) numberWidth() int {
	n := len(p.t.Events)
	if n == 0 {
		return 1
	}
	return len(fmt.Sprint(p.t.Events[n-1].N))
}

// timeText is the time of an event, as wide for every event; empty in runs without time.
func (p *textPrinter) timeText(e *Event) string {
	if n := len(p.t.Events); p.t.Events[n-1].Time == 0 {
		return ""
	}
	return fmt.Sprintf("%-14s", fmt.Sprintf("%d.%03dms", e.Time/1000, e.Time%1000))
}

// after says what changed at the member.
func (p *textPrinter) after(e *Event) {
	if e.After == nil {
		return
	}
	changes := e.After.changes(p.states[e.After.ID])
	p.states[e.After.ID] = e.After
	if len(changes) > 0 {
		p.comment("    %d is now %s", e.After.ID, strings.Join(changes, " "))
	}
}

// sent names a packet that leaves, and what becomes of it.
func (p *textPrinter) sent(packet *Packet) {
	var fates []string
	for _, e := range p.fates[packet.ID] {
		fates = append(fates, fmt.Sprintf("%s at %d", e.Kind.participle(), e.N))
	}
	fate := "never arrives"
	if len(fates) > 0 {
		fate = strings.Join(fates, ", ")
	}
	p.comment("    sends %s (%s)", strings.Join(lines(packet.Text), " "), fate)
}

// participle says of a packet what an event of the kind did to it.
func (k Kind) participle() string {
	switch k {
	case KindDeliver:
		return "delivered"
	case KindLose:
		return "lost"
	case KindDuplicate:
		return "duplicated"
	default:
		return string(k)
	}
}

// end says what was violated, and how everybody stands.
func (p *textPrinter) end() {
	fmt.Fprintln(p.w)
	writeViolation(p.w, p.t.Violation)
	p.comment("At the end:")
	for _, id := range p.t.Members {
		state := p.states[id]
		if state == nil {
			p.comment("  %d was never there", id)
			continue
		}
		p.comment("  %d %s", id, state.statusText())
	}
}

func writeViolation(w *bufio.Writer, v *Violation) {
	if v == nil {
		return
	}
	of := ""
	if len(v.Members) > 0 {
		of = fmt.Sprintf(" (members %s)", strings.Trim(fmt.Sprint(v.Members), "[]"))
	}
	writeComment(w, fmt.Sprintf("Violated: %s%s\n%s", v.Property, of, v.Detail), "  ")
	for _, line := range v.Evidence {
		writeComment(w, "    "+line, "    ")
	}
}

// WriteScript writes the run as a script for testdata, each event a block whose output is still empty: running the
// tests with -rewrite fills it in. It fails, having written nothing, if an event has no form in the scripts.
func WriteScript(w io.Writer, t *Trace) error {
	for i := range t.Events {
		if e := &t.Events[i]; len(lines(e.Script)) == 0 {
			return fmt.Errorf("the scripts have no command for event %d (%s: %s)", e.N, e.Kind, strings.Join(lines(e.Text), " "))
		}
	}
	b := bufio.NewWriter(w)
	writeComment(b, t.Title, "")
	writeViolation(b, t.Violation)
	writeBlock(b, t.Setup)
	for i := range t.Events {
		writeBlock(b, lines(t.Events[i].Script))
	}
	return flushed(b)
}

// writeBlock writes commands, and room for what they print.
func writeBlock(w *bufio.Writer, commands []string) {
	if len(commands) > 0 {
		fmt.Fprintf(w, "\n%s\n----\n", strings.Join(commands, "\n"))
	}
}
