// Package lint checks the structural rules of this module, those that keep its files small, its layers apart and its
// state in one place; docs/ARCHITECTURE.md has the map. It knows syntax only. levels.go holds the tables, each
// rule_*.go one rule; a rule reports a finding as file:line: text.
package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A source is one parsed Go file.
type source struct {
	name      string // path from the root of the module, with forward slashes
	fset      *token.FileSet
	file      *ast.File
	lines     int
	generated bool
}

func parseSource(name, text string) (*source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{
		name:      name,
		fset:      fset,
		file:      file,
		lines:     strings.Count(text, "\n"),
		generated: ast.IsGenerated(file),
	}, nil
}

// dir is the directory of the file's package, "." for the root package.
func (s *source) dir() string  { return path.Dir(s.name) }
func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s *source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

// A finding is one violation of a rule.
type finding struct {
	file string
	line int
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text) }

func (s *source) finding(pos token.Pos, format string, args ...any) finding {
	return finding{file: s.name, line: s.line(pos), text: fmt.Sprintf(format, args...)}
}

// A rule looks at all files at once, since some rules need more than one.
type rule func([]*source) []finding

func rules() []rule {
	return []rule{
		eachFile(checkImports),
		eachFile(checkLevels),
		eachFile(checkSize),
		eachFile(checkNesting),
		checkGlobals,
		eachFile(checkHeader),
	}
}

func eachFile(check func(*source) []finding) rule {
	return func(sources []*source) []finding {
		var findings []finding
		for _, s := range sources {
			findings = append(findings, check(s)...)
		}
		return findings
	}
}

// lint runs every rule and returns what they find, by file and line.
func lint(sources []*source) []finding {
	var findings []finding
	for _, check := range rules() {
		findings = append(findings, check(sources)...)
	}
	slices.SortStableFunc(findings, func(a, b finding) int {
		if c := strings.Compare(a.file, b.file); c != 0 {
			return c
		}
		return a.line - b.line
	})
	return findings
}

// loadModule parses every Go file of the module whose root is given. Nested modules and directories that the go
// command ignores are left out.
func loadModule(root string) ([]*source, error) {
	var sources []*source
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipDir(root, file)
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		s, err := loadSource(root, file)
		if err == nil {
			sources = append(sources, s)
		}
		return err
	})
	return sources, err
}

func skipDir(root, dir string) error {
	if dir == root {
		return nil
	}
	base := filepath.Base(dir)
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func loadSource(root, file string) (*source, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(root, file)
	if err != nil {
		return nil, err
	}
	return parseSource(filepath.ToSlash(name), string(text))
}
