package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

func TestThePageShowsTheCluster(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	c.set("fruit/apple", "red")
	c.set("fruit/pear", "green")
	p := openTab(t, c.members[0].url())
	p.text("#headline", "Member 1 leads. All 3 members answer.")
	p.text(card(1), "Leader")
	p.text(card(2), "Follower")
	p.text(card(3), "replicate")
	p.text(card(1)+" [data-f=term]", "4")
	p.text("#connection", "Through member 1")
	p.text("#keys", "fruit/apple")
	p.text("#timeline", "term 4")
	p.text("#changes", "Member 1, term 4")
	require.Equal(t, "kvstore demo", js[string](p, "document.title"))
	require.Equal(t, "true", js[string](p, "document.querySelector('[data-member=\"1\"] [data-f=lead]').getAttribute('aria-disabled')"))
	c.set("fruit/quince", "yellow")
	p.text("#writes", "set fruit/quince = yellow")
	p.text("#keys", "fruit/quince")
	p.clean()
}

func TestAKilledMemberIsGone(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	p := openTab(t, c.members[1].url())
	p.text("#headline", "Member 1 leads.")
	p.text("#events-state", "of member 2")
	p.click(button(1, "kill"))
	p.text(card(1), "Gone")
	p.text("#headline", "Member 2 leads. 2 of 3 members answer.")
	p.text(card(2), "Leader")
	p.toast("Member 1: killed.")
	p.text("#changes", "Member 2, term 5")
	p.text("#events", "member 2 leads in term 5")
	p.text("#events", "Member 1 does not answer any more.")
	c.made("POST /demo/members/1/kill X-Kvstore-Demo=1")
	p.click(button(1, "restart"))
	p.text(card(1), "Follower")
	p.text("#headline", "All 3 members answer.")
	c.made("POST /demo/members/1/restart X-Kvstore-Demo=1")
	p.clean()
}

// TestThePageOutlivesItsMember kills the member that has sent the page; the page goes on with the others.
func TestThePageOutlivesItsMember(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	c.set("before", "1")
	p := openTab(t, c.members[0].url())
	p.text("#keys", "before")
	p.click(button(1, "kill"))
	p.text("#connection", "Through member 2, since this page's own is gone")
	p.text("#headline", "Member 2 leads. 2 of 3 members answer.")
	c.set("after", "2")
	p.text("#keys", "after")
	p.text("#writes", "set after = 2")
	p.click("#key-new")
	p.fill("#editor-key", "through-another")
	p.fill("#editor-value", "3")
	p.click("#editor-save")
	p.text("#keys", "through-another")
	p.click(button(2, "kill"))
	p.click(button(3, "kill"))
	p.text("#connection", "No member answers")
	p.text("#headline", "No leader. 0 of 3 members answer. 2 are needed.")
	p.clean()
}

func TestEveryControl(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	p := openTab(t, c.members[0].url())
	p.text("#headline", "Member 1 leads.")
	step := func(id int, action, selector, shows string) {
		t.Helper()
		p.click(button(id, action))
		p.text(selector, shows)
		if action != "lead" {
			c.made(fmt.Sprintf("POST /demo/members/%d/%s X-Kvstore-Demo=1", id, action))
		}
	}
	step(3, "pause", card(3), "Paused")
	step(3, "resume", card(3), "Follower")
	step(2, "partition", card(2), "cut off from the others")
	step(2, "heal", card(2), "Follower")
	step(3, "lead", "#headline", "Member 3 leads.")
	c.made(`POST /cluster/leader {"id":3}`)
	p.toast("Member 3 leads in term 5.")
	step(3, "partition", card(3), "Was leader")
	p.text("#headline", "Member 1 leads.")
	step(3, "heal", card(3), "Follower")
	p.click("#add-member")
	p.text(card(4), "Follower")
	p.toast("Member 4 has joined.")
	c.made("POST /demo/members/4/add X-Kvstore-Demo=1")
	p.clean()
}

func TestSearch(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	for i := range 120 {
		c.set(fmt.Sprintf("many/%03d", i), "x")
	}
	c.set("few/only", "y")
	p := openTab(t, c.members[0].url())
	p.text("#keys-count", "50 keys, and there are more")
	p.click("#keys-more")
	p.text("#keys-count", "100 keys, and there are more")
	p.fill("#prefix", "few/")
	p.text("#keys-count", "1 key")
	require.NotContains(t, js[string](p, "document.querySelector('#keys').innerText"), "many")
	p.fill("#prefix", "nothing")
	p.text("#keys-empty", "No key begins with “few/nothing”.")
	p.keys(strings.Repeat(kb.Backspace, len("few/nothing")))
	p.fill("#prefix", "m")
	p.text("#keys-count", "50 keys, and there are more")
	p.clean()
}

func TestKeysAreEdited(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	c.set("a/b c", "one")
	p := openTab(t, c.members[0].url())
	p.click("#keys button")
	p.until("document.querySelector('#editor').open && document.querySelector('#editor-value').value === 'one'")
	p.fill("#editor-value", " and two")
	p.click("#editor-save")
	p.text("#keys", "one and two")
	c.made(`PUT /kv/a%2Fb%20c If-Match="1" one and two`)

	p.click("#keys button")
	p.until("document.querySelector('#editor').open && document.querySelector('#editor-value').value === 'one and two'")
	c.set("a/b c", "somebody else's")
	p.click("#editor-save")
	p.text("#editor-error", "Somebody else has changed the key meanwhile.")
	p.click("#editor-cancel")

	p.click("#key-new")
	p.fill("#editor-key", "new")
	p.fill("#editor-value", "fresh")
	p.click("#editor-save")
	p.text("#keys", "fresh")
	c.made("PUT /kv/new If-None-Match=* fresh")

	p.click("#keys tr:nth-child(2) button")
	p.click("#editor-delete")
	p.until("!document.querySelector('#keys').innerText.includes('fresh')")
	c.made(`DELETE /kv/new If-Match="4"`)
	p.clean()
}

func TestOddKeysAndValues(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	c.set("..", "dots")
	c.set("binary value", "\xff\x00\x01")
	c.set("\xfe\xff", "binary key")
	c.set("empty", "")
	p := openTab(t, c.members[0].url())
	p.text("#keys", "3 B of binary data")
	p.text("#keys", "bytes fe ff")
	p.text("#keys", "empty")
	p.click("#keys tr:nth-child(1) button")
	p.until("document.querySelector('#editor-value').value === 'dots'")
	p.fill("#editor-value", "!")
	p.click("#editor-save")
	p.text("#keys", "dots!")
	p.click("#keys tr:nth-child(2) button")
	p.until("document.querySelector('#editor-value').value === 'ff 00 01' && document.querySelector('#editor-save').hidden")
	p.click("#editor-cancel")
	p.click("#keys tr:nth-child(4) button")
	p.until("document.querySelector('#editor-value').value === 'binary key'")
	p.click("#editor-delete")
	p.until("!document.querySelector('#keys').innerText.includes('fe ff')")
	c.made(`DELETE /kv/%fe%ff If-Match="3"`)
	p.clean()
}

// TestHostileText has keys, values and events that are markup and script. They are shown as they are written.
func TestHostileText(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	const evil = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`
	c.set(evil, evil)
	p := openTab(t, c.members[0].url())
	p.text("#keys td:first-child", evil)
	p.text("#keys td.value", evil)
	p.text("#events-state", "of member 1")
	c.mu.Lock()
	c.members[0].logs = append(c.members[0].logs, evil)
	c.mu.Unlock()
	c.set(evil, "again "+evil)
	p.text("#writes", evil[:20])
	p.text("#events", evil)
	p.click("#keys button")
	p.until("document.querySelector('#editor').open && document.querySelector('#editor-value').value.startsWith('again <img')")
	require.False(t, js[bool](p, "'pwned' in window || document.querySelector('main img, main script, dialog img, dialog script') !== null"))
	// Not even the page's own script could: markup is refused, and so is script that has found its way in.
	require.True(t, js[bool](p, "(() => { try { document.body.innerHTML = '<b>x</b>'; return false } catch { return true } })()"))
}

func TestByKeyboardAlone(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	c.set("k", "v")
	p := openTab(t, c.members[0].url())
	p.text("#headline", "Member 1 leads.")
	p.text("#keys", "k")
	p.keys(kb.Tab)
	p.until("document.activeElement.textContent === 'Skip to the members'")
	require.Greater(t, js[float64](p, "document.activeElement.getBoundingClientRect().left"), 0.0)
	p.keys(kb.Enter)
	p.until("document.activeElement.id === 'main'")
	reach := func(selector string) {
		t.Helper()
		for range 60 {
			if js[bool](p, fmt.Sprintf("document.activeElement.matches(%s)", quote(selector))) {
				require.NotEqual(t, "none", js[string](p, "getComputedStyle(document.activeElement).outlineStyle"), "focus can be seen")
				return
			}
			p.keys(kb.Tab)
		}
		t.Fatalf("%s cannot be reached with the Tab key", selector)
	}
	reach(card(2) + " [data-action=kill]")
	p.keys(kb.Enter)
	p.text(card(2), "Gone")
	p.until("document.activeElement.matches(\"" + card(2) + " [data-action=restart]:not([aria-disabled])\")")
	p.keys(" ")
	p.text(card(2), "Follower")
	reach("#throughput .plot")
	p.until("document.querySelector('#throughput .line').getAttribute('d') !== ''")
	p.keys(kb.ArrowLeft)
	p.text("#throughput .legend", "at ")
	reach("#key-new")
	p.keys(kb.Enter)
	p.until("document.activeElement.id === 'editor-key'")
	p.keys("typed")
	p.keys(kb.Tab)
	p.keys("by hand")
	reach("#editor-save")
	p.keys(kb.Enter)
	p.text("#keys", "by hand")
	p.until("document.activeElement.id === 'key-new'")
	reach("#keys button")
	p.keys(kb.Enter)
	p.until("document.querySelector('#editor').open")
	p.keys(kb.Escape)
	p.until("!document.querySelector('#editor').open && document.activeElement.matches('#keys button')")
	p.clean()
}

// TestNames checks that whatever can be pressed or filled in has a name for those who do not see it.
func TestNames(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	p := openTab(t, c.members[0].url())
	p.text("#headline", "Member 1 leads.")
	p.until("document.querySelector(\"" + card(2) + " [data-action=kill]\")?.getAttribute('aria-label') === 'Kill: member 2'")
	nameless := js[[]string](p, `[...document.querySelectorAll("button, input, select, textarea, [role=img], [role=log], section, dialog")]
		.filter((e) => !e.textContent.trim() && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby") && !(e.labels && e.labels.length))
		.map((e) => e.outerHTML.slice(0, 100))`)
	require.Empty(t, nameless)
	p.until("document.querySelector('#events').getAttribute('aria-live') === 'polite'")
	require.Equal(t, 4, js[int](p, "document.querySelectorAll('table th[scope=col]').length"))
}

func TestNarrowScreens(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	for i := range 20 {
		c.set(fmt.Sprintf("a/rather/long/key/that/does/not/fit/on/a/phone/%d", i), "and a value that is much longer than the screen is wide, too")
	}
	c.traffic()
	p := openTab(t, c.members[0].url())
	for _, width := range []int64{320, 360, 768, 1280} {
		p.size(width, 800)
		p.text("#headline", "Member 1 leads.")
		p.text("#keys", "a/rather")
		p.text("#writes", "sensor")
		p.until("document.querySelector('#timeline svg')")
		p.until(fmt.Sprintf("document.documentElement.scrollWidth <= %d", width))
		if width <= 360 {
			require.Equal(t, 1, js[int](p, "new Set([...document.querySelectorAll('.member')].map((c) => c.getBoundingClientRect().left)).size"), "one column")
		}
	}
	p.clean()
}

func TestColours(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	p := openTab(t, c.members[0].url(), dark())
	p.text("#headline", "Member 1 leads.")
	const background = "getComputedStyle(document.body).backgroundColor"
	require.Equal(t, "rgb(16, 19, 20)", js[string](p, background), "as the system has it")
	p.click("#theme")
	p.until(background + " === 'rgb(246, 246, 243)'")
	p.click("#theme")
	p.until(background + " === 'rgb(16, 19, 20)'")
	p.do(chromedp.Reload())
	p.text("#theme", "Dark")
	p.clean()
}

// TestContrast computes the contrast of every text against what is behind it, and asks for 4.5, in both modes.
func TestContrast(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	c.set("k", "v")
	c.control(c.members[1], "partition")
	c.control(c.members[2], "kill")
	p := openTab(t, c.members[0].url())
	for _, theme := range []string{"light", "dark"} {
		p.text(card(3), "Gone")
		p.text(card(2), "cut off")
		p.text("#keys", "k")
		p.until("document.querySelector('#theme').click() || document.documentElement.dataset.theme === " + quote(theme))
		require.Empty(t, js[[]string](p, lowContrast), theme)
	}
}

const lowContrast = `(() => {
	const parse = (c) => { const n = c.match(/[\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
	const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > .99) return c; } return [255, 255, 255, 1]; };
	const over = (f, b, a) => f.map((v, i) => v * a + b[i] * (1 - a));
	const low = [];
	for (const e of document.querySelectorAll("body *")) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
		if (!own || !e.checkVisibility() || e.closest("[aria-disabled], svg, .skip, noscript, script, style, .toast")) continue;
		const b = behind(e), style = getComputedStyle(e);
		const f = over(parse(style.color), b, style.opacity);
		const [x, y] = [light(f), light(b)].sort((a, b) => b - a);
		if ((x + .05) / (y + .05) < 4.5) low.push(e.outerHTML.slice(0, 120) + " " + ((x + .05) / (y + .05)).toFixed(2));
	}
	return low;
})()`

func TestAToken(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 2)
	c.set("secret", "s")
	c.token = "open-sesame"
	p := openTab(t, c.members[0].url())
	p.until("document.querySelector('#token-dialog').open")
	p.fill("#token", "open-sesame\r")
	p.text("#headline", "Member 1 leads. Both members answer.")
	p.text("#keys", "secret")
	p.do(chromedp.Reload())
	p.text("#keys", "secret")
	p.click(button(2, "pause"))
	p.text(card(2), "Paused")
	c.made("POST /demo/members/2/pause X-Kvstore-Demo=1") // without the token, which is for members
	p.clean()
}

func TestAListThatCannotBeRead(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 1)
	c.broken = true
	c.set("k", "v")
	p := openTab(t, c.members[0].url())
	p.text("#keys-error", "The list could not be read. there is no leader: try again")
	p.until("(() => { const s = document.querySelector('#consistency'); s.value = 'stale'; return s.dispatchEvent(new Event('change')) })()")
	p.text("#keys", "k")
	p.until("document.querySelector('#keys-error').hidden")
	p.clean()
}

// TestPictures takes the pictures that a person looks at. Without KVSTORE_SHOTS it checks only that the page gets there.
func TestPictures(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	for _, key := range []string{"config/limits", "config/motd", "users/ada", "users/grace", "users/leslie"} {
		c.set(key, `{"made":"for the picture"}`)
	}
	c.set(`<img src=x onerror=alert(1)>`, "shown as text")
	c.traffic()
	p := openTab(t, c.members[0].url())
	p.text("#headline", "Member 1 leads. All 3 members answer.")
	p.until("document.querySelectorAll('#writes li').length > 8")
	p.shoot("light")
	p.do(dark())
	p.shoot("dark")
	p.size(360, 780)
	p.until("document.documentElement.clientWidth === 360")
	p.shoot("phone")
	p.size(1280, 900)
	p.click(button(1, "kill"))
	p.text("#headline", "Member 2 leads. 2 of 3 members answer.")
	p.shoot("dark-killed")
	p.click("#theme")
	p.click(button(3, "pause"))
	p.text(card(3), "Paused")
	p.click("#keys button")
	p.until("document.querySelector('#editor').open")
	p.shoot("editor")
	p.keys(kb.Escape)
	time.Sleep(time.Second)
	p.shoot("light-killed")
}
