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

// handOver presses the button of a member until that leads. The cluster may refuse at first: a member that was cut off a moment ago
// may lag behind, and on a machine that is busy leaders come and go by themselves.
func (p *tab) handOver(to int) {
	p.t.Helper()
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
		if p.leader() == to {
			return
		}
		// It is pressed at once or not at all: it may come to be of no use at any time.
		js[bool](p, fmt.Sprintf("document.querySelector(%s)?.click() ?? true", quote(button(to, "lead"))))
	}
	p.shoot("failed")
	p.t.Fatalf("member %d never led; the page says:\n%s", to, js[string](p, "document.body.innerText"))
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
	p.text("#members", "replicate")

	p.click("#key-new")
	p.do(chromedp.SendKeys(chromedp.CSS("#editor-key"), "by/the/page"), chromedp.SendKeys(chromedp.CSS("#editor-value"), "1"))
	p.click("#editor-save")
	p.text("#keys", "by/the/page")
	p.text("#writes", "set by/the/page = 1")

	p.click(button(first, "kill"))
	p.text(card(first), "Gone")
	p.leader(first)
	p.text("#members", "Leader")
	p.text("#headline", "2 of 3 members answer.")
	p.shoot("real-killed")
	p.click(button(first, "restart"))
	p.until(fmt.Sprintf("!document.querySelector(%s).innerText.includes('Gone')", quote(card(first))))
	p.text("#headline", "All 3 members answer.")

	second := p.leader() // it may be another one by now
	p.click(button(second, "partition"))
	p.text(card(second), "cut off from the others")
	third := p.leader(second)
	p.text("#keys", "by/the/page")
	p.click(button(second, "heal"))
	p.until(fmt.Sprintf("!document.querySelector(%s).innerText.includes('cut off')", quote(card(second))))

	fourth := 6 - third - second // the one that led neither before nor after the partition
	p.handOver(fourth)
	p.click(button(fourth, "pause"))
	p.text(card(fourth), "Paused")
	p.leader(fourth)
	p.click(button(fourth, "resume"))
	p.until(fmt.Sprintf("!document.querySelector(%s).innerText.includes('Paused')", quote(card(fourth))))
	p.text("#headline", "All 3 members answer.")
	p.shoot("real")
	p.clean()
	response, err := http.Get(strings.TrimSuffix(url, "/") + "/kv/by%2Fthe%2Fpage")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}
