package main

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tour in README.md is this program, and prints what README.md says.
func TestTourOfReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	tour := regexp.MustCompile("(?s)```go\n(// The tour.*?)```\n\nIt prints:\n\n```\n(.*?)```").FindSubmatch(readme)
	require.NotNil(t, tour, "README.md has no tour followed by what it prints")
	require.Equal(t, string(program), string(tour[1]))

	out, err := exec.Command("go", "run", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, string(tour[2]), string(out))
}

// Every file that README.md links to is there.
func TestLinksOfReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	links := regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllSubmatch(readme, -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		_, err := os.Stat("../../" + string(link[1]))
		require.NoError(t, err)
	}
}
