// A run as a page that draws it.

package trace

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
)

// pageFiles are the parts of the page: its frame, its style, and scripts that each begin with what they are for.
//
//go:embed page/page.html page/page.css page/*.js
var pageFiles embed.FS

// pageScripts lists the scripts of the page in the order in which they need each other.
func pageScripts() []string {
	return []string{"run.js", "rows.js", "diagram.js", "overview.js", "logs.js", "panel.js", "view.js", "controls.js"}
}

// pageContent is what page.html is filled with.
type pageContent struct {
	Title   string
	Style   template.CSS
	Scripts []template.JS
	Data    template.JS // a JSON document in which <, > and & are escaped, so that nothing in it ends the script element
}

// WriteHTML writes the run as one page for a browser that needs nothing else: no network, no other file. It draws a
// lane for each member, messages as arrows, roles, terms and logs over time, and what was violated, and lets the reader
// step through the events. Numbers above 2^53 are shown rounded. It serves runs of up to some thousand events.
func WriteHTML(w io.Writer, t *Trace) error {
	data, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encoding the trace for the page: %w", err)
	}
	content := pageContent{Title: t.Title, Data: template.JS(data)}
	style, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return fmt.Errorf("reading the style of the page: %w", err)
	}
	content.Style = template.CSS(style)
	for _, name := range pageScripts() {
		script, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			return fmt.Errorf("reading a script of the page: %w", err)
		}
		content.Scripts = append(content.Scripts, template.JS(script))
	}
	page, err := template.ParseFS(pageFiles, "page/page.html")
	if err != nil {
		return fmt.Errorf("parsing the page: %w", err)
	}
	if err := page.Execute(w, content); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}
