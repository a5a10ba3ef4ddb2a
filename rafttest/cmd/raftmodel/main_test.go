package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-bounds", "none-of-them"}, "none-of-them"},
		{[]string{"-list", "-bounds", "none-of-them"}, "none-of-them"},
		{[]string{"-j", "0"}, "-j is 0"},
		{[]string{"-max-states", "-1"}, "-max-states"},
		{[]string{"-max-time", "-1s"}, "-max-time"},
		{[]string{"-out", "main_test.go"}, "main_test.go"},
		{[]string{"word"}, "word"},
	} {
		_, err := parse(test.args)
		require.ErrorContains(t, err, test.want, test.args)
	}
	_, err := parse([]string{"-unknown"})
	require.ErrorIs(t, err, flag.ErrHelp)
}

func TestFlags(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new", "directory")
	c, err := parse([]string{"-bounds", "quick", "-j", "3", "-max-states", "7", "-max-time", "2s", "-json", "-out", out})
	require.NoError(t, err)
	require.Equal(t, 3, c.options.Workers)
	require.Equal(t, 7, c.options.MaxStates)
	require.Equal(t, 2*time.Second, c.options.MaxTime)
	require.True(t, c.json)
	require.False(t, c.list)
	require.NotEmpty(t, c.bounds)
	require.DirExists(t, out)
}

// TestList names all bounds that were asked for, and creates nothing.
func TestList(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new")
	c, err := parse([]string{"-list", "-bounds", "long", "-out", out})
	require.NoError(t, err)
	require.True(t, c.list)
	var b bytes.Buffer
	listBounds(&b, c.bounds)
	require.NotEmpty(t, c.bounds)
	for i := range c.bounds {
		require.Contains(t, b.String(), c.bounds[i].About+"\n  "+c.bounds[i].String()+"\n")
	}
	_, err = os.Stat(out)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestAnInterruptedSearch ends without an error, and long before the bounds are exhausted.
func TestAnInterruptedSearch(t *testing.T) {
	c, err := parse([]string{"-bounds", "long", "-quiet"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	begun := time.Now()
	found, err := c.search(ctx)
	require.NoError(t, err)
	require.False(t, found)
	require.Less(t, time.Since(begun), time.Minute)
}
