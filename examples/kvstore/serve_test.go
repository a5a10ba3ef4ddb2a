package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServeTellsWrongOptionsFromOtherFailures looks at the exit codes of members that do not start.
func TestServeTellsWrongOptionsFromOtherFailures(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(tokens, []byte("secret ops admin\n"), 0o600))
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	data := t.TempDir()
	for line, want := range map[string]struct {
		code int
		text string
	}{
		"--listen 0.0.0.0:8401 --join":                                             {exitUsage, "serve: without a certificate"},
		"--listen 127.0.0.1:8401 --peers 2=http://127.0.0.1:8402":                  {exitUsage, "serve: member 1 is not among"},
		"--listen 127.0.0.1:8401 --join --tick 1ns":                                {exitUsage, "serve: the tick"},
		"--listen 127.0.0.1:8401 --join --tls-cert x":                              {exitUsage, "belong together"},
		"--listen 127.0.0.1:8401 --join --tokens " + tokens:                        {exitUsage, "--open-peers"},
		"--listen 127.0.0.1:8401 --join --open-peers --tokens " + tokens + ".not":  {exitFailed, "the tokens cannot be read"},
		"--listen 127.0.0.1:8401 --join --tls-key x --tls-ca x --tls-cert " + file: {exitFailed, "the authorities"},
	} {
		args := append([]string{"serve", "--id", "1", "--data", data}, strings.Fields(line)...)
		var stdout, stderr strings.Builder
		code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
		require.Equal(t, want.code, code, "%s: %s", line, stderr.String())
		require.Contains(t, stderr.String(), want.text, line)
	}
}
