package migrating

// This file reads docs/MIGRATING.md.

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const document = "../../docs/MIGRATING.md"

var (
	blockStart = regexp.MustCompile("^```sh$")
	marker     = regexp.MustCompile(`^<!-- (tried|not tried): (.+) -->$`)
)

// readScripts returns the document's scripts by their names.
func readScripts(t *testing.T) map[string]string {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	scripts, problems := parseScripts(string(text))
	require.Empty(t, problems)
	return scripts
}

// parseScripts returns the scripts of a document by their names, and the blocks whose kind is not said.
func parseScripts(text string) (scripts map[string]string, problems []string) {
	scripts = map[string]string{}
	before, inside, name := "", false, ""
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, "\n")
		switch {
		case inside && bare == "```":
			inside = false
		case inside && name != "":
			scripts[name] += line
		case !inside && blockStart.MatchString(bare):
			inside, name = true, ""
			kind := marker.FindStringSubmatch(before)
			if kind == nil {
				problems = append(problems, "no comment before the block after: "+before)
			} else if kind[1] == "tried" {
				name = kind[2]
			}
		}
		before = bare
	}
	return scripts, problems
}

func TestParseScripts(t *testing.T) {
	scripts, problems := parseScripts(strings.Join([]string{
		"<!-- tried: one -->", "```sh", "a", "b", "```", "text", "```go", "x", "```",
		"<!-- not tried: takes long -->", "```sh", "c", "```",
		"<!-- tried: two -->", "```sh", "d", "```",
		"<!-- tried: one -->", "```sh", "e", "```",
		"but this:", "```sh", "f", "```", "",
	}, "\n"))
	require.Equal(t, map[string]string{"one": "a\nb\ne\n", "two": "d\n"}, scripts)
	require.Equal(t, []string{"no comment before the block after: but this:"}, problems)
}

// Every file that the document links to is there, and so is every heading of its own.
func TestLinksOfTheDocument(t *testing.T) {
	whole, err := os.ReadFile(document)
	require.NoError(t, err)
	text := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(whole), "")
	headings := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		headings["#"+anchor(h[1])] = true
	}
	links := regexp.MustCompile(`\]\(([^)#]*)(#[^)]+)?\)`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		if link[1] == "" {
			require.Contains(t, headings, link[2])
			continue
		}
		if strings.HasPrefix(link[1], "https://") {
			continue
		}
		_, err := os.Stat("../../docs/" + link[1])
		require.NoError(t, err)
	}
}

// anchor is what a heading is called in a link.
func anchor(heading string) string {
	kept := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}
