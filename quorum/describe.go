package quorum

// This file draws, for people, why an index is committed or not: who has acknowledged what, and how many that makes.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Describe draws a table of who holds what. There is one column for each index that some voter has acknowledged, in
// ascending order, and one row for each voter, with a star under every index that it holds or a question mark if
// nothing is known of it. The last row counts the stars; the committed index is the last one with enough of them:
//
//	voter  3  7
//	    1  *  *
//	    2  *
//	    3  ?
//	count  2  1  of 3, 2 needed: committed 3
func (c MajorityConfig) Describe(l AckedIndexer) string {
	if len(c) == 0 {
		return "no voters: committed " + c.CommittedIndex(l).String() + "\n"
	}
	t := newAckTable(c.Slice(), l)
	var b strings.Builder
	t.writeHeader(&b)
	for _, r := range t.rows {
		t.writeRow(&b, r)
	}
	t.writeCount(&b)
	fmt.Fprintf(&b, "  of %d, %d needed: committed %s\n", len(c), Majority(len(c)), c.CommittedIndex(l))
	return b.String()
}

// Describe draws the table of each majority, as MajorityConfig.Describe does, and the index that both have committed.
// If the outgoing majority is empty, it draws the incoming one alone.
func (c JointConfig) Describe(l AckedIndexer) string {
	if len(c[1]) == 0 {
		return c[0].Describe(l)
	}
	return "incoming " + c[0].String() + "\n" + c[0].Describe(l) +
		"outgoing " + c[1].String() + "\n" + c[1].Describe(l) +
		"both: committed " + c.CommittedIndex(l).String() + "\n"
}

// ackTable is what Describe draws. Invariant: rows are in ascending order of their labels' numbers; columns are
// strictly ascending, and the index of every known row is one of them.
type ackTable struct {
	rows    []ackRow
	columns []Index
	label   int // width of the first column, in bytes
}

type ackRow struct {
	label string
	acked Index
	known bool
}

func newAckTable(ids []uint64, l AckedIndexer) ackTable {
	t := ackTable{label: len("voter")}
	for _, id := range ids {
		r := ackRow{label: strconv.FormatUint(id, 10)}
		r.acked, r.known = ackedIndex(l, id)
		t.rows = append(t.rows, r)
		t.label = max(t.label, len(r.label))
		if r.known {
			t.columns = append(t.columns, r.acked)
		}
	}
	slices.Sort(t.columns)
	t.columns = slices.Compact(t.columns)
	return t
}

func (t ackTable) writeHeader(b *strings.Builder) {
	fmt.Fprintf(b, "%*s", t.label, "voter")
	for _, col := range t.columns {
		fmt.Fprintf(b, "  %s", col)
	}
	b.WriteByte('\n')
}

func (t ackTable) writeRow(b *strings.Builder, r ackRow) {
	fmt.Fprintf(b, "%*s", t.label, r.label)
	if !r.known {
		b.WriteString("  ?\n")
		return
	}
	for _, col := range t.columns {
		if r.acked >= col {
			fmt.Fprintf(b, "  %*s", width(col), "*")
		}
	}
	b.WriteByte('\n')
}

func (t ackTable) writeCount(b *strings.Builder) {
	fmt.Fprintf(b, "%*s", t.label, "count")
	for _, col := range t.columns {
		n := 0
		for _, r := range t.rows {
			if r.known && r.acked >= col {
				n++
			}
		}
		fmt.Fprintf(b, "  %*d", width(col), n)
	}
}

// width returns the number of columns on a screen that an index takes: the sign for infinity takes one.
func width(i Index) int { return len([]rune(i.String())) }
