package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience bounds waits for what must happen in the browser, on a machine that may be busy.
const patience = 60 * time.Second

// findBrowser returns the path of a Chromium. Without one the test is skipped, unless KVSTORE_BROWSER=required.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROME_PATH"), "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	if os.Getenv("KVSTORE_BROWSER") == "required" {
		t.Fatal("no Chromium was found, and KVSTORE_BROWSER=required")
	}
	t.Skip("no Chromium was found: install one, or name it in CHROME_PATH, to test the page")
	return ""
}

// browser is the one that all tests share, each with tabs of its own that know nothing of the others'; TestMain ends it.
var browser struct {
	once sync.Once
	ctx  context.Context
	end  func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.end != nil {
		browser.end()
	}
	os.Exit(code)
}

func startBrowser(path string) {
	dir, err := os.MkdirTemp("", "kvstore-dashboard-test-")
	if err != nil {
		browser.err = err
		return
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(dir), chromedp.WindowSize(1280, 900))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	browser.ctx = ctx
	browser.end = func() {
		_ = chromedp.Cancel(ctx) // waits for the browser's end
		cancel()
		cancelAllocator()
		_ = os.RemoveAll(dir)
	}
	browser.err = chromedp.Do(ctx)
}

// A tab is one page, and what went wrong in it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
}

// An action is a step in the browser that returns nothing.
type action = chromedp.Action[chromedp.Void]

func openTab(t *testing.T, url string, more ...action) *tab {
	t.Helper()
	path := findBrowser(t)
	browser.once.Do(func() { startBrowser(path) })
	require.NoError(t, browser.err)
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	p := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
	})
	require.NoError(t, chromedp.Do(ctx)) // opens the tab, which lives as long as this context
	require.NoError(t, chromedp.Listen(ctx, p.listen))
	_, err := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{})
	require.NoError(t, err)
	p.do(more...)
	p.do(chromedp.Navigate(url))
	js[bool](p, keepToasts)
	return p
}

// keepToasts has the page's toasts remembered, which go after a few seconds. It does so until the page is left.
const keepToasts = `(() => {
	window.toastsSeen = [];
	new MutationObserver((changes) => {
		for (const change of changes) for (const node of change.addedNodes) window.toastsSeen.push(node.textContent);
	}).observe(document.querySelector("#toasts"), { childList: true });
	return true;
})()`

// toast waits until the page has shown a toast, which may be gone by now.
func (p *tab) toast(part string) {
	p.t.Helper()
	p.until(fmt.Sprintf("window.toastsSeen.some((text) => text.includes(%s))", quote(part)))
}

// listen notes exceptions, messages on the console, and what the browser itself logs, such as violations of the policy.
// That a member cannot be reached is logged by the browser whatever the page does, and is no problem of the page.
func (p *tab) listen(event any) {
	var problem string
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		problem = fmt.Sprintf("%s: %+v", event.ExceptionDetails.Text, event.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		problem = fmt.Sprintf("console.%s: %s", event.Type, event.Args[0].Value)
	case *cdplog.EventEntryAdded:
		if event.Entry.Source != cdplog.EntrySourceNetwork {
			problem = fmt.Sprintf("%s: %s", event.Entry.Source, event.Entry.Text)
		}
	}
	if problem == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, problem)
}

func (p *tab) clean() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(p.t, p.problems)
}

func (p *tab) do(actions ...action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// get runs an action that returns something.
func get[T any](p *tab, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, a)
	require.NoError(p.t, err)
	return result
}

// js evaluates an expression in the page.
func js[T any](p *tab, expression string) T {
	p.t.Helper()
	return get(p, chromedp.Evaluate[T](expression))
}

// until waits for an expression to become true.
func (p *tab) until(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for !js[bool](p, "Boolean("+expression+")") {
		if time.Now().After(deadline) {
			p.shoot("failed")
			p.t.Fatalf("never became true: %s\nthe page says:\n%s", expression, js[string](p, "document.body.innerText"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// text waits until the element's text contains something.
func (p *tab) text(selector, part string) {
	p.t.Helper()
	p.until(fmt.Sprintf("(document.querySelector(%s)?.innerText || '').includes(%s)", quote(selector), quote(part)))
}

func card(id int) string { return fmt.Sprintf("[data-member='%d']", id) }

func button(id int, action string) string {
	return fmt.Sprintf("%s button[data-action=%s]:not([aria-disabled])", card(id), action)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.until(fmt.Sprintf("document.querySelector(%s)", quote(selector)))
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

func (p *tab) keys(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

func (p *tab) size(width, height int64) { p.do(chromedp.EmulateViewport(width, height)) }

// dark has the browser prefer dark pages.
func dark() action {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
		})
		return chromedp.Void{}, err
	}
}

// shoot keeps a picture of the whole page in the directory of KVSTORE_SHOTS, if that is set.
func (p *tab) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("KVSTORE_SHOTS")
	if dir == "" {
		return
	}
	png := get(p, chromedp.FullScreenshot(100))
	require.NoError(p.t, os.MkdirAll(dir, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".png"), png, 0o644))
}
