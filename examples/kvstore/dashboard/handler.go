package dashboard

// Putting the page together, and serving it.

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// scripts are the files of the page's script, in the order in which they are put together.
var scripts = [...]string{
	"dom.js", "api.js", "model.js", "members.js", "timeline.js", "charts.js", "values.js", "keys.js", "events.js", "main.js",
}

// A page is what the handler sends: it is the same for every request.
type page struct {
	body   []byte
	etag   string
	policy string
}

// Handler serves the page to GET and HEAD at "/", and 404 elsewhere. It needs no token and discloses nothing: what the
// page shows it asks the members for. The handler may be used by any number of goroutines.
func Handler() http.Handler {
	p := assemble()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the dashboard is read with GET", http.StatusMethodNotAllowed)
			return
		}
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", p.policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", p.etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.body))
	})
}

// assemble puts the page together. The script is one function, so that nothing of it is global.
func assemble() page {
	var script strings.Builder
	script.WriteString("\"use strict\";\n(() => {\n")
	for _, name := range scripts {
		script.WriteString(read(name))
	}
	script.WriteString("})();\n")
	style := read("style.css")
	body := strings.NewReplacer("{{style}}", style, "{{script}}", script.String()).Replace(read("index.html"))
	sum := sha256.Sum256([]byte(body))
	return page{
		body:   []byte(body),
		etag:   `"` + hex.EncodeToString(sum[:12]) + `"`,
		policy: policy(script.String(), style),
	}
}

// read returns a file of the page. All of them are part of the program, so one that is missing cannot be for a user to
// see: the tests do.
func read(name string) string {
	text, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(fmt.Sprintf("dashboard: %v", err))
	}
	return string(text)
}

// policy admits the page's own script and style, and connections: to which members is not known yet when the page is
// sent, since members come and go.
func policy(script, style string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src " + hash(script),
		"style-src " + hash(style),
		"img-src data:",
		"connect-src http: https:",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; ")
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
