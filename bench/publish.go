package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed695671cb/raft/bench/plots"
	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/report"
)

// publish writes the results into the documents of the repository at root: the tables and the pictures into
// docs/PERFORMANCE.md, the plots and every run into docs/plots.
func publish(results *raw.Results, root string) error {
	document := filepath.Join(root, "docs", "PERFORMANCE.md")
	text, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("reading where the results belong: %w", err)
	}
	figures := plots.Figures(results)
	replaced, err := report.Replace(string(text), report.Markdown(results)+pictures(figures))
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	dir := filepath.Join(root, "docs", "plots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range figures {
		svg, err := f.SVG()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name+".svg"), svg, 0o644); err != nil {
			return err
		}
	}
	if err := results.Write(filepath.Join(dir, "results.json")); err != nil {
		return err
	}
	return os.WriteFile(document, []byte(replaced), 0o644)
}

// pictures shows the plots, as Markdown.
func pictures(figures []plots.Figure) string {
	var b strings.Builder
	b.WriteString("### Plots\n\nPoints are medians, bars quartiles; both axes are logarithmic.\n\n")
	for _, f := range figures {
		fmt.Fprintf(&b, "![%s: %s against %s](plots/%s.svg)\n\n", f.Title, f.Y, f.X, f.Name)
	}
	return b.String()
}
