package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// count reads a figure of the fake.
func (c *fakeCluster) count(figure *int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *figure
}

// TestTheLongestValue writes the value whose event is the longest that there is: 4 MiB of bytes that JSON escapes, 25 million
// characters. The changes go on behind it, on the same connection.
func TestTheLongestValue(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	c.set("before", "0")
	p := openTab(t, c.members[0].url())
	p.text("#keys", "before")
	c.set("first", "1")
	p.text("#writes", "set first = 1")
	begun := c.count(&c.watches)
	c.set(`huge "key"`, strings.Repeat("\x00", 4<<20))
	c.set("after", "2")
	p.text("#writes", "set after = 2")
	p.text("#writes", `set huge "key" = a long value`)
	p.text("#keys", `huge "key"`)
	c.set(`huge "key"`, "short again")
	p.text("#keys", "short again")
	require.Equal(t, begun, c.count(&c.watches), "the stream was not begun again")
	p.clean()
}

// TestManyLongValues has values that are long together: what is kept of an event is bounded, and not what comes in all.
func TestManyLongValues(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	p := openTab(t, c.members[0].url())
	p.text("#keys-empty", "There are no keys yet.")
	c.set("first", "1")
	p.text("#writes", "set first = 1")
	for i := range 30 {
		c.set(fmt.Sprintf("long/%02d", i), strings.Repeat("x", 600_000))
	}
	c.set("last", "2")
	p.text("#writes", "set last = 2")
	p.text("#writes", "set long/29 = xxxx")
	p.text("#keys", "long/29")
	p.clean()
}

// TestChangesDoNotReadValuesAgain changes one small key beside many large ones. The list follows without their values.
func TestChangesDoNotReadValuesAgain(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	const large, size = 20, 200_000
	for i := range large {
		c.set(fmt.Sprintf("large/%02d", i), strings.Repeat("y", size))
	}
	c.set("small", "0")
	p := openTab(t, c.members[0].url())
	p.text("#keys", "large/19")
	p.until("document.querySelector('#keys').innerText.match(/yyyy/g)?.length >= 20")
	c.set("small", "begins")
	p.text("#writes", "set small = begins")
	p.text("#keys", "begins")
	before := c.count(&c.valuesSent)
	require.GreaterOrEqual(t, before, large*size, "the values are read once")
	for i := range 6 {
		c.set("small", fmt.Sprintf("change %d", i))
		p.text("#keys", fmt.Sprintf("change %d", i))
	}
	require.Less(t, c.count(&c.valuesSent)-before, size, "none of the large values is read again")
	p.clean()
}

// TestValuesThatTheWatchDoesNotBring changes values without an event, as if the stream lagged behind: they are read then, and not
// those that lie between them.
func TestValuesThatTheWatchDoesNotBring(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	const size = 500_000
	c.set("a", "one")
	c.set("between", strings.Repeat("y", size))
	c.set("z", "two")
	p := openTab(t, c.members[0].url())
	p.text("#keys", "two")
	p.text("#keys", "yyyy")
	c.set("zz", "three")
	p.text("#writes", "set zz = three")
	p.text("#keys", "three")
	before := c.count(&c.valuesSent)
	c.mu.Lock()
	for _, key := range []string{"a", "z"} {
		c.rev++
		c.keys[key].value, c.keys[key].rev, c.keys[key].version = "unheard "+key, c.rev, 2
	}
	c.mu.Unlock()
	c.set("zz", "four")
	p.text("#keys", "unheard a")
	p.text("#keys", "unheard z")
	p.text("#keys", "four")
	require.Less(t, c.count(&c.valuesSent)-before, size)
	p.clean()
}

// TestAnotherClusterInTheSamePlace begins the cluster anew while the page is open: revisions are small again, and what was known is
// of other keys with the same names.
func TestAnotherClusterInTheSamePlace(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	for i := range 9 {
		c.set("a", fmt.Sprintf("old %d", i))
	}
	p := openTab(t, c.members[0].url())
	p.text("#keys", "old 8")
	c.mu.Lock()
	c.rev = 0
	clear(c.keys)
	c.put("a", "of another cluster")
	c.mu.Unlock()
	p.until("document.querySelector('#search').dispatchEvent(new SubmitEvent('submit', { cancelable: true })) || true")
	p.text("#keys", "of another cluster")
	p.clean()
}

// TestPagesThatEndWithOddKeys has pages that are cut short, behind keys that are not UTF-8. Every key is shown once.
func TestPagesThatEndWithOddKeys(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	c.pageKeys = 2
	for i := range 7 {
		c.set(fmt.Sprintf("\xff\xfe%c", 'a'+i), fmt.Sprintf("value %d", i))
	}
	c.set("plain", "value 7")
	p := openTab(t, c.members[0].url())
	p.text("#keys-count", "8 keys")
	for i := range 8 {
		p.text("#keys", fmt.Sprintf("value %d", i))
	}
	require.Equal(t, 8, js[int](p, "document.querySelectorAll('#keys tr').length"))
	require.Equal(t, "8 keys", js[string](p, "document.querySelector('#keys-count').innerText"))
	p.clean()
}

// TestAnErrorEndsTheChanges has streams end with errors: the page goes on after the last change, and says that changes are missing
// only if they are.
func TestAnErrorEndsTheChanges(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	p := openTab(t, c.members[0].url())
	require.Eventually(t, func() bool { return c.count(&c.watches) > 0 }, time.Minute, 10*time.Millisecond)
	c.set("a", "first")
	p.text("#writes", "set a = first")
	c.endWatch("unauthorized")
	c.set("b", "second")
	p.text("#writes", "set b = second")
	p.until("!document.querySelector('#writes').innerText.includes('too old')")
	begun := c.count(&c.watches)
	c.endWatch("compacted")
	p.text("#writes", "too old")
	require.Eventually(t, func() bool { return c.count(&c.watches) > begun }, time.Minute, 10*time.Millisecond)
	c.set("c", "third")
	p.text("#writes", "set c = third")
	p.clean()
}
