package migrating

// This file runs the scripts of docs/MIGRATING.md on programs.

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A move is a program, and the scripts that are run on it. Programs are made of directories of testdata.
type move struct {
	name    string
	program []string
	scripts []string
	// published has a proxy at hand that knows a version of this library.
	published bool
	// mixed has the members replaced one by one as well.
	mixed bool
}

// moves are all that the document has. Each leaves a program that is built from the same directory as before.
func moves() []move {
	return []move{
		{name: "replacement", program: []string{"kv", "kv36"}, scripts: []string{"replacement"}, mixed: true},
		{name: "replacement by a version", program: []string{"kv", "kv36"}, scripts: []string{"published"}, published: true},
		{name: "workspace", program: []string{"kv", "kv36"}, scripts: []string{"workspace"}},
		{name: "import lines", program: []string{"kv", "kv36"}, scripts: []string{"imports", "errors"}, mixed: true},
		{name: "from 3.5", program: []string{"kv", "kv36", "kv35"}, scripts: []string{"from35", "errors"}, mixed: true},
		{name: "from 3.7", program: []string{"kv", "kv37"}, scripts: []string{"from37", "errors"}, mixed: true},
	}
}

// The commands run as written, and the program does what it did.
func TestMoves(t *testing.T) {
	scripts := readScripts(t)
	for _, m := range moves() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			dir := newProgram(t, m.program...)
			env := environment(t, m.published)
			run(t, dir, env, "go build -o kv-before .")
			for _, name := range m.scripts {
				run(t, dir, env, scripts[name])
			}
			run(t, dir, env, "go vet . && go build -o kv-after .")
			if slices.Contains(m.scripts, "errors") {
				source, err := os.ReadFile(filepath.Join(dir, "member.go"))
				require.NoError(t, err)
				require.Contains(t, string(source), "if errors.Is(err, raft.ErrProposalDropped) {")
			}
			requireLibrary(t, dir, "kv-before", false)
			requireLibrary(t, dir, "kv-after", true)
			before, after := run(t, dir, env, "./kv-before demo"), run(t, dir, env, "./kv-after demo")
			require.NotEmpty(t, before)
			require.Equal(t, before, after)
			if m.mixed {
				out := run(t, dir, env, scripts["rolling"])
				require.Regexp(t, "every member reads the same, with all [1-9][0-9]+ pairs", out)
				t.Log(out)
			}
		})
	}
}

// The state of a cluster of hashicorp/raft becomes that of a new cluster.
func TestMoveOfData(t *testing.T) {
	t.Parallel()
	dir := newProgram(t, "kv", "kv36")
	old := newProgram(t, "hashicorp")
	env := environment(t, false)
	scripts := readScripts(t)
	run(t, dir, env, scripts["replacement"]+"go build -o kv .\n")
	run(t, old, env, "go build -o "+filepath.Join(dir, "oldkv")+" .")
	out := run(t, dir, env, "./oldkv fill\n"+scripts["data"])
	require.Contains(t, out, "every member reads the same, with all 100 pairs")
}

// No script is forgotten here.
func TestEveryScriptIsRun(t *testing.T) {
	known := []string{"data", "rolling"}
	for _, m := range moves() {
		known = append(known, m.scripts...)
	}
	slices.Sort(known)
	require.Equal(t, slices.Compact(known), slices.Sorted(maps.Keys(readScripts(t))))
}

// newProgram copies directories of testdata into one. What a later one has takes the place of what an earlier one had.
func newProgram(t *testing.T, parts ...string) string {
	dir := t.TempDir()
	for _, part := range parts {
		files, err := os.ReadDir(filepath.Join("testdata", part))
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(filepath.Join("testdata", part, f.Name()))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name()), text, 0o600))
		}
		if part == "kv35" {
			writeFor35(t, dir)
		}
	}
	return dir
}

// writeFor35 writes the program for 3.6 as it has to be for 3.5.
func writeFor35(t *testing.T, dir string) {
	for _, change := range []struct{ file, written, before string }{
		{"member.go", `"go.etcd.io/raft/v3`, `"go.etcd.io/etcd/raft/v3`},
		{"transport.go", `"go.etcd.io/raft/v3`, `"go.etcd.io/etcd/raft/v3`},
		{"disk.go", `"go.etcd.io/raft/v3`, `"go.etcd.io/etcd/raft/v3`},
		{"member.go", "len(entry.Data) == 0", "raft.PayloadSize(entry) == 0"},
		{"transport.go", "msg.Snapshot != nil && !raft.IsEmptySnap(*msg.Snapshot)", "!raft.IsEmptySnap(msg.Snapshot)"},
	} {
		name := filepath.Join(dir, change.file)
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(text), change.written)
		require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(string(text), change.written, change.before)), 0o600))
	}
}

// environment is what the document's reader has set.
func environment(t *testing.T, withProxy bool) []string {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "GOWORK=") {
			env = append(env, entry)
		}
	}
	env = append(env, "RAFT="+root)
	if !withProxy {
		return env
	}
	known := goEnv(t, "GOMODCACHE")
	return append(env, "VERSION="+published,
		"GOPROXY=file://"+publish(t, root)+",file://"+known+"/cache/download,"+goEnv(t, "GOPROXY"),
		"GONOSUMDB="+library, "GOMODCACHE="+t.TempDir(), "GOFLAGS="+goEnv(t, "GOFLAGS")+" -modcacherw")
}

func goEnv(t *testing.T, name string) string {
	out, err := exec.Command("go", "env", name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// run runs a script in a directory and returns what it prints. No process that it started is left behind.
func run(t *testing.T, dir string, env []string, script string) string {
	require.NotEmpty(t, script)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out // a file: of a pipe, Wait would wait for the end
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	require.NoError(t, cmd.Start())
	err = cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of it; mostly nobody is
	printed, readErr := os.ReadFile(out.Name())
	require.NoError(t, readErr)
	require.NoError(t, err, "%s\nprinted:\n%s", script, printed)
	return string(printed)
}

// requireLibrary looks at what a program was built with.
func requireLibrary(t *testing.T, dir, program string, ours bool) {
	out, err := exec.Command("go", "version", "-m", filepath.Join(dir, program)).Output()
	require.NoError(t, err)
	if !ours {
		require.NotContains(t, string(out), library)
		return
	}
	require.Contains(t, string(out), library)
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "go.etcd.io/") {
			require.NotContains(t, line, "h1:", "the lineage's own code is in the program: %s", line)
		}
	}
}
