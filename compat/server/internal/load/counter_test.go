package load

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each case does something to a counter that was asked to become 5 and is known to be 4.
func TestACounterTellsWhatMustNotBe(t *testing.T) {
	for name, c := range map[string]struct {
		do       func(*counter, report)
		violates bool
	}{
		"reading the value known":        {func(c *counter, r report) { c.learn(4, r) }, false},
		"reading the value asked for":    {func(c *counter, r report) { c.learn(5, r) }, false},
		"reading a value nobody asked":   {func(c *counter, r report) { c.learn(6, r) }, true},
		"a read that is up to date":      {func(c *counter, r report) { c.judge(c.floor(), 4, r) }, false},
		"a stale read":                   {func(c *counter, r report) { c.judge(c.floor(), 3, r) }, true},
		"one grant":                      {func(c *counter, r report) { c.grant(5, r) }, false},
		"the same value granted twice":   {func(c *counter, r report) { c.grant(5, r); c.grant(5, r) }, true},
		"ending as known":                {func(c *counter, r report) { c.checkEnd("4", r) }, false},
		"ending as less than was known":  {func(c *counter, r report) { c.checkEnd("3", r) }, true},
		"ending as nothing":              {func(c *counter, r report) { c.checkEnd("", r) }, true},
		"ending as more than was asked":  {func(c *counter, r report) { c.checkEnd("6", r) }, true},
		"ending as something else":       {func(c *counter, r report) { c.checkEnd("x", r) }, true},
		"ending as less than is granted": {func(c *counter, r report) { c.grant(5, r); c.checkEnd("4", r) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			counter := newCounter("counter")
			counter.ask(5)
			var said []string
			report := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
			counter.learn(4, report)
			c.do(counter, report)
			require.Equal(t, c.violates, len(said) > 0, "%q", said)
		})
	}
}
