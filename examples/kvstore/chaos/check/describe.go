package check

import (
	"fmt"
	"strings"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// describe puts an operation into one line, for people who look at a violation.
func describe(op *history.Op) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s", op.ID, op.Kind)
	if op.Consistency != "" {
		fmt.Fprintf(&b, " (%s)", op.Consistency)
	}
	if len(op.Compare) > 0 {
		b.WriteString(" if")
		for _, c := range op.Compare {
			b.WriteString(" " + describeCompare(c))
		}
		b.WriteString(" then")
	}
	for _, action := range op.Then {
		fmt.Fprintf(&b, " %s", describeAction(action))
	}
	fmt.Fprintf(&b, " at member %d: ", op.Member)
	if op.Outcome != history.OK {
		fmt.Fprintf(&b, "%s (%s)", op.Outcome, op.Error)
		return b.String()
	}
	b.WriteString(describeAnswer(op))
	return b.String()
}

func describeCompare(c history.Compare) string {
	name := shortKey(c.Key)
	switch c.Target {
	case history.TargetRev:
		return fmt.Sprintf("rev(%s)=%d", name, c.Rev)
	case history.TargetExists:
		return fmt.Sprintf("exists(%s)=%t", name, c.Exists)
	default:
		return fmt.Sprintf("value(%s)=%s", name, c.Value)
	}
}

func describeAction(a history.Action) string {
	if a.Kind == history.Put {
		return fmt.Sprintf("put %s=%s", shortKey(a.Key), a.Value)
	}
	return fmt.Sprintf("%s %s", a.Kind, shortKey(a.Key))
}

func describeAnswer(op *history.Op) string {
	parts := []string{}
	if len(op.Compare) > 0 {
		parts = append(parts, fmt.Sprintf("succeeded=%t", op.Succeeded))
	}
	if op.Rev != 0 {
		parts = append(parts, fmt.Sprintf("rev=%d", op.Rev))
	}
	done := op.Done()
	for i, r := range op.Results {
		if i >= len(done) || done[i].Kind == history.Put {
			continue
		}
		parts = append(parts, describeResult(shortKey(done[i].Key), r))
	}
	return strings.Join(parts, " ")
}

func describeResult(name string, r history.Result) string {
	if !r.Exists {
		return name + "=-"
	}
	value := r.Value
	if value == "" {
		value = "?"
	}
	text := fmt.Sprintf("%s=%s@%d", name, value, r.Rev)
	if r.Version != 0 {
		text += fmt.Sprintf(" v%d", r.Version)
	}
	return text
}

// shortKey leaves out what all keys begin with.
func shortKey(key string) string { return strings.TrimPrefix(key, history.Prefix) }
