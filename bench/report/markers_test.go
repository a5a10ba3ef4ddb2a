package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReplace(t *testing.T) {
	document := "# Performance\n\n" + Begin + "\nold\nresults\n" + End + "\n\nThe floor.\n"
	want := "# Performance\n\n" + Begin + "\n\nnew\n\n" + End + "\n\nThe floor.\n"
	replaced, err := Replace(document, "\nnew\n\n")
	require.NoError(t, err)
	require.Equal(t, want, replaced)
	again, err := Replace(replaced, "new")
	require.NoError(t, err)
	require.Equal(t, want, again, "a second time changes nothing")
}

func TestReplaceRefusesADocumentWithoutOnePairOfMarkers(t *testing.T) {
	for name, document := range map[string]string{
		"none":          "text",
		"no end":        Begin + "\ntext",
		"no begin":      "text\n" + End,
		"wrong order":   End + "\n" + Begin,
		"two ends":      Begin + End + End,
		"two beginning": Begin + End + Begin + End,
		"end before":    End + Begin + End,
	} {
		t.Run(name, func(t *testing.T) {
			replaced, err := Replace(document, "new")
			require.Error(t, err)
			require.Empty(t, replaced)
		})
	}
}
