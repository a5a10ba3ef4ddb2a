// Tests of the page: that it needs nothing else, that its data is safe and whole, and, where a browser is installed,
// that it runs.
package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func pageOf(t *testing.T, run *Trace) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, WriteHTML(&out, run))
	return out.String()
}

// dataOf returns what stands in the element with the run's data.
func dataOf(t *testing.T, page string) string {
	t.Helper()
	const begin = `<script type="application/json" id="trace">`
	_, after, found := strings.Cut(page, begin)
	require.True(t, found)
	data, _, found := strings.Cut(after, "</script>")
	require.True(t, found)
	return data
}

func TestPageNeedsNothingElse(t *testing.T) {
	page := pageOf(t, splitBrain())
	require.NotRegexp(t, regexp.MustCompile(`(?i)https?:`), strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""))
	require.NotRegexp(t, regexp.MustCompile(`(?i)\bsrc\s*=|<link|@import|url\(|@font-face|\bfetch\(|XMLHttpRequest|import\(`), page)
	require.Contains(t, page, `default-src 'none'`)
	for _, name := range pageScripts() {
		script, err := pageFiles.ReadFile("page/" + name)
		require.NoError(t, err)
		require.Contains(t, page, string(script), "%s is not whole in the page", name)
	}
}

func TestPageHasAllItsScripts(t *testing.T) {
	files, err := pageFiles.ReadDir("page")
	require.NoError(t, err)
	listed := pageScripts()
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".js") {
			require.Contains(t, listed, f.Name())
		}
	}
}

func TestPageDataIsEscaped(t *testing.T) {
	nasty := "</script><script>alert(1)</script><!-- & \u2028 ' \" {{.}}"
	run := splitBrain()
	run.Title, run.Events[0].Text, run.Events[0].Script, run.Violation.Detail = nasty, nasty, nasty, nasty
	page := pageOf(t, run)
	scripts := len(pageScripts()) + 1
	require.Equal(t, scripts, strings.Count(page, "</script>"))
	require.NotContains(t, page, "<script>alert")
	require.NotContains(t, dataOf(t, page), "<")
	var back Trace
	require.NoError(t, json.Unmarshal([]byte(dataOf(t, page)), &back))
	require.Equal(t, nasty, back.Title)
	require.Equal(t, run, &back)
}

func TestPageDataIsTheRun(t *testing.T) {
	for _, run := range []*Trace{splitBrain(), generated(t, 3, 200, 1)} {
		var back Trace
		require.NoError(t, json.Unmarshal([]byte(dataOf(t, pageOf(t, run))), &back))
		require.Equal(t, run, &back)
	}
}

func TestPageIsDeterministic(t *testing.T) {
	first, second := generated(t, 3, 300, 7), generated(t, 3, 300, 7)
	require.True(t, pageOf(t, first) == pageOf(t, second), "the same run gave two pages")
}

// browse loads a page in a browser without a window, and returns the document as the scripts leave it, and what they
// reported.
func browse(t *testing.T, page string) string {
	t.Helper()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" || testing.Short() {
		t.Skip("no browser to look at the page with")
	}
	// Children of the browser may outlive it by a moment, and write to its directory while that is removed.
	dir, err := os.MkdirTemp("", "page")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "page.html")
	require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,900",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", "file://"+path)
	cmd.WaitDelay = 10 * time.Second // children that outlive a browser that was killed hold its output open
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("the browser does not run here: %v", err)
	}
	return string(out)
}

// withProbe adds a script to the page that lets the document say which errors there were, and what act returned.
func withProbe(page, act string) string {
	catch := `<script>const errors = []; addEventListener("error", (e) => errors.push(e.message));</script>`
	probe := fmt.Sprintf(`<script>let probed = ""; try { probed = (() => { %s })(); } catch (e) { errors.push(String(e)); }
document.body.dataset.errors = errors.join("; "); document.body.dataset.probed = String(probed);</script>`, act)
	page = strings.Replace(page, "<body>", "<body>"+catch, 1)
	return strings.Replace(page, "</body>", probe+"</body>", 1)
}

// requireProbed runs act in the page and compares what it returned; no script may have failed.
func requireProbed(t *testing.T, run *Trace, act, want string) {
	t.Helper()
	document := browse(t, withProbe(pageOf(t, run), act))
	match := regexp.MustCompile(`data-errors="([^"]*)" data-probed="([^"]*)"`).FindStringSubmatch(document)
	require.Len(t, match, 3, "the probe did not run")
	require.Empty(t, match[1])
	require.Equal(t, want, match[2])
}

func TestPageInABrowser(t *testing.T) {
	requireProbed(t, splitBrain(), `
		const out = [run.events.length, view.chosen.event, document.querySelectorAll("#diagram .arrow.lost").length];
		const press = (key, shiftKey) => document.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey }));
		press("Home"); out.push(view.chosen.event);
		press("ArrowDown"); out.push(view.chosen.event);
		press("f"); out.push(view.chosen.event);
		searchFor("MsgVoteResp"); press("n"); out.push(view.chosen.event, rows.matches.size);
		searchFor(""); press("End"); press("0"); out.push(view.chosen.event);
		dispatchEvent(new Event("beforeprint")); out.push(document.querySelectorAll("#paper svg").length > 0);
		dispatchEvent(new Event("afterprint"));
		document.querySelector("[data-chip=append]").click(); out.push(rows.list.length < 28);
		return out.join(" ");`,
		"28 27 2 0 1 2 4 6 27 true true")
}

func TestPageOfALongRunInABrowser(t *testing.T) {
	requireProbed(t, generated(t, 5, 5000, 3), `
		view.fit(); view.setZoom(24);
		const drawn = document.querySelectorAll("#diagram *").length;
		return drawn > 50 && drawn < 5000;`, "true")
}

func TestPageOfNothingInABrowser(t *testing.T) {
	requireProbed(t, &Trace{Title: "nothing"}, `view.step(1); view.fit(); return rows.list.length;`, "0")
}
