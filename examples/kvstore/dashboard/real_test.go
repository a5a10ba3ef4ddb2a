package dashboard_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// realDemo builds kvstore, runs `kvstore demo`, and returns the address of the dashboard that it prints.
func realDemo(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "kvstore")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, "go", "build", "-o", program, "..").CombinedOutput()
	require.NoError(t, err, "%s", output)
	command := exec.Command(program, "demo", "--port", "0", "--data", t.TempDir())
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	var stderr strings.Builder
	command.Stderr = &stderr
	require.NoError(t, command.Start())
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = command.Process.Signal(syscall.SIGTERM)
			require.NoError(t, command.Wait(), "%s", &stderr)
		}
	}
	t.Cleanup(end)
	var out strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		out.WriteString(lines.Text() + "\n")
		if url, ok := strings.CutPrefix(lines.Text(), "Dashboard: "); ok {
			go io.Copy(io.Discard, stdout) // so that the demo is never held up by what it prints
			return url
		}
	}
	end()
	t.Fatalf("the demo has not come up:\n%s%s", &out, &stderr)
	return ""
}

// leader waits until the page names a leader other than those given.
func (p *tab) leader(not ...int) int {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		found := regexp.MustCompile(`^Member (\d+) leads`).FindStringSubmatch(js[string](p, "document.querySelector('#headline').innerText"))
		if found == nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		id, err := strconv.Atoi(found[1])
		require.NoError(p.t, err)
		if len(not) == 0 || id != not[0] {
			return id
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.shoot("failed")
	p.t.Fatalf("no leader other than %v", not)
	return 0
}

// TestTheRealDemo drives a cluster of processes by the buttons of the page alone.
func TestTheRealDemo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds a program and runs processes")
	}
	findBrowser(t)
	url := realDemo(t)
	p := openTab(t, url)
	first := p.leader()
	p.text("#headline", "All 3 members answer.")
	p.text("#keys", "demo/greeting")
	p.text(fmt.Sprintf("%s [data-f=state]", card(first%3+1)), "replicate")

	p.click("#key-new")
	p.do(chromedp.SendKeys(chromedp.CSS("#editor-key"), "by/the/page"), chromedp.SendKeys(chromedp.CSS("#editor-value"), "1"))
	p.click("#editor-save")
	p.text("#keys", "by/the/page")
	p.text("#writes", "set by/the/page = 1")

	p.click(button(first, "kill"))
	p.text(card(first), "Gone")
	second := p.leader(first)
	p.text(card(second), "Leader")
	p.text("#headline", "2 of 3 members answer.")
	p.shoot("real-killed")
	p.click(button(first, "restart"))
	p.text(card(first), "Follower")
	p.text("#headline", "All 3 members answer.")

	p.click(button(second, "partition"))
	p.text(card(second), "cut off from the others")
	third := p.leader(second)
	p.text("#keys", "by/the/page")
	p.click(button(second, "heal"))
	p.text(card(second), "Follower")

	fourth := 6 - third - second // the one that led neither before nor after the partition
	p.click(button(fourth, "lead"))
	require.Equal(t, fourth, p.leader(third))
	p.text("#toasts", fmt.Sprintf("Member %d leads in term", fourth))
	p.click(button(fourth, "pause"))
	p.text(card(fourth), "Paused")
	p.leader(fourth)
	p.click(button(fourth, "resume"))
	p.text(card(fourth), "Follower")
	p.text("#headline", "All 3 members answer.")
	p.shoot("real")
	p.clean()
	response, err := http.Get(strings.TrimSuffix(url, "/") + "/kv/by%2Fthe%2Fpage")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}
