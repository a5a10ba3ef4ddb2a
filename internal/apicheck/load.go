package apicheck

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A loader type-checks packages of one module from their source, so that a check reads the tree as it stands, and
// packages outside of the module from the export data that the go command keeps in its cache, which is fast. Bodies of
// functions are not looked at: they are no part of what a package exports.
type loader struct {
	module  string // import path of the module
	root    string // directory that holds its go.mod
	fset    *token.FileSet
	parsed  map[string][]*ast.File    // by import path, within the module
	checked map[string]*types.Package // by import path, within the module
	exports map[string]string         // import path outside of the module -> file with its export data
	outside types.Importer
}

func newLoader(module, root string) *loader {
	l := &loader{
		module:  module,
		root:    root,
		fset:    token.NewFileSet(),
		parsed:  map[string][]*ast.File{},
		checked: map[string]*types.Package{},
		exports: map[string]string{},
	}
	l.outside = importer.ForCompiler(l.fset, "gc", l.openExport)
	return l
}

// load returns the type-checked package with the given import path, which is one of the module's.
func (l *loader) load(path string) (*types.Package, error) {
	if err := l.parse(path); err != nil {
		return nil, err
	}
	if err := l.listExports(); err != nil {
		return nil, err
	}
	return l.Import(path)
}

// Import implements types.Importer.
func (l *loader) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if !l.inside(path) {
		return l.outside.Import(path)
	}
	if pkg := l.checked[path]; pkg != nil {
		return pkg, nil
	}
	conf := types.Config{Importer: l, IgnoreFuncBodies: true}
	pkg, err := conf.Check(path, l.fset, l.parsed[path], nil)
	if err != nil {
		return nil, fmt.Errorf("type-check %s: %w", path, err)
	}
	l.checked[path] = pkg
	return pkg, nil
}

func (l *loader) inside(path string) bool {
	return path == l.module || strings.HasPrefix(path, l.module+"/")
}

// parse reads the files of a package that a plain build would compile, and then those of every package of the module
// that it imports.
func (l *loader) parse(path string) error {
	if _, done := l.parsed[path]; done {
		return nil
	}
	dir := filepath.Join(l.root, strings.TrimPrefix(path, l.module))
	info, err := build.Default.ImportDir(dir, 0)
	if err != nil {
		return fmt.Errorf("find the source of %s: %w", path, err)
	}
	var files []*ast.File
	for _, name := range info.GoFiles {
		file, err := parser.ParseFile(l.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse %s: %w", path, err)
		}
		files = append(files, file)
	}
	l.parsed[path] = files
	for _, imported := range info.Imports {
		if l.inside(imported) {
			if err := l.parse(imported); err != nil {
				return err
			}
			continue
		}
		if _, known := l.exports[imported]; !known {
			l.exports[imported] = ""
		}
	}
	return nil
}

// listExports asks the go command, once for all of them, where the export data of the imported packages is.
func (l *loader) listExports() error {
	var paths []string
	for path, file := range l.exports {
		if file == "" && path != "unsafe" {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil
	}
	slices.Sort(paths)
	args := append([]string{"list", "-export", "-f", "{{.ImportPath}}\t{{.Export}}"}, paths...)
	cmd := exec.Command("go", args...)
	cmd.Dir = l.root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list -export: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		l.exports[path] = file
	}
	return nil
}

func (l *loader) openExport(path string) (io.ReadCloser, error) {
	file := l.exports[path]
	if file == "" {
		return nil, fmt.Errorf("no export data is known for package %s", path)
	}
	return os.Open(file)
}
