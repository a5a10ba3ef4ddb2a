package main

// Command lines: flags before, between and after the arguments, usage texts, and errors that say what was meant.

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// usageError is a command line that is wrong.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...)}
}

// toldError is a failure that the command has written about by itself.
type toldError struct{ error }

func (e *toldError) Unwrap() error { return e.error }

// commandLine is the command line of one command.
type commandLine struct {
	*flag.FlagSet
	text string // the usage, without the flags
}

// newCommandLine makes one. The text begins with what stands behind "kvstore" in an invocation.
func newCommandLine(name, text string) *commandLine {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // parse reports errors in its own words
	return &commandLine{FlagSet: flags, text: text}
}

// parse reads flags wherever they stand, up to "--", and returns the arguments: at least least of them and at most most.
// When help was asked for it shows the usage and returns flag.ErrHelp.
func (c *commandLine) parse(args []string, least, most int, stdout io.Writer) ([]string, error) {
	var positional []string
	for len(args) > 0 {
		if err := c.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				c.writeUsage(stdout)
				return nil, flag.ErrHelp
			}
			return nil, c.explain(err)
		}
		rest := c.Args()
		if consumed := len(args) - len(rest); consumed > 0 && args[consumed-1] == "--" {
			positional = append(positional, rest...)
			break
		}
		if len(rest) == 0 {
			break
		}
		positional = append(positional, rest[0])
		args = rest[1:]
	}
	if len(positional) < least || len(positional) > most {
		return nil, usagef("%s; usage: kvstore %s", c.countError(positional, least, most), firstLine(c.text))
	}
	return positional, nil
}

// countError says which argument is one too many, or which are missing, by the names that the usage gives them.
func (c *commandLine) countError(got []string, least, most int) string {
	if len(got) > most {
		return fmt.Sprintf("%s: unexpected argument %q", c.Name(), got[most])
	}
	names := strings.Fields(firstLine(c.text))[1:]
	return missing(c.Name(), names[len(got):least])
}

// missing says what is.
func missing(command string, names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("%s: %s is missing", command, names[0])
	}
	last := len(names) - 1
	return fmt.Sprintf("%s: %s and %s are missing", command, strings.Join(names[:last], ", "), names[last])
}

// given tells whether a flag was set, be it to its default.
func (c *commandLine) given(name string) bool {
	found := false
	c.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// explain rewords an error of package flag, and adds what may have been meant.
func (c *commandLine) explain(err error) error {
	const undefined = "flag provided but not defined: -"
	name, found := strings.CutPrefix(err.Error(), undefined)
	if !found {
		return usagef("%s: %v", c.Name(), err)
	}
	var names []string
	c.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	name = strings.TrimPrefix(name, "-")
	return usagef("%s: unknown flag --%s%s; kvstore help %s lists the flags", c.Name(), name, didYouMean(name, names, "--"), c.Name())
}

func (c *commandLine) writeUsage(out io.Writer) {
	fmt.Fprintf(out, "usage: kvstore %s\n\nFlags:\n", strings.TrimSpace(c.text))
	c.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		if kind != "" {
			kind = " " + strings.ToUpper(kind)
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(out, "  --%s%s\n        %s\n", f.Name, kind, strings.ReplaceAll(usage, "\n", "\n        "))
	})
}

// leadingFlags splits off the common flags that stand before the command.
func leadingFlags(args []string) (leading, rest []string, err error) {
	line := newCommandLine("kvstore", "COMMAND")
	addCommon(line, func(string) string { return "" })
	if err := line.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, nil, flag.ErrHelp
		}
		return nil, nil, line.explain(err)
	}
	rest = line.Args()
	return append([]string(nil), args[:len(args)-len(rest)]...), rest, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// didYouMean suggests the name that is nearest to a mistyped one, if one is near.
func didYouMean(name string, names []string, prefix string) string {
	best, distance := "", 1+max(1, len(name)/3)
	for _, candidate := range names {
		if d := editDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" && len(name) > 1 {
		for _, candidate := range names {
			if strings.HasPrefix(candidate, name) || strings.HasPrefix(name, candidate) {
				best = candidate
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s%s?", prefix, best)
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours that lead from a to b.
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
