package main

// This file type-checks packages of this tree from their source, under the import paths that the comparison needs.

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
	"strings"
)

const (
	ourModule   = "github.com/seed695671cb/raft"
	theirModule = "go.etcd.io/raft/v3"
)

// A tree holds type-checked packages. Those of this library and of compat/etcd come from their source, with bodies of
// functions left out, since nobody sees them from outside. All others, the lineage's own among them, come from the
// export data that the go command keeps.
type tree struct {
	root    string // directory of this library
	edit    func(file, text string) string
	fset    *token.FileSet
	checked map[string]*types.Package // of this tree, by the path that other packages of this tree import
	exports map[string]string         // import path -> file with its export data
	outside types.Importer
}

// newTree returns the tree whose root is given. edit, unless it is nil, is asked for the text of each source file, which
// is given by its path from the root: so that a test can see what a wrong tree would lead to.
func newTree(root string, edit func(file, text string) string) (*tree, error) {
	t := &tree{root: root, edit: edit, fset: token.NewFileSet(), checked: map[string]*types.Package{}}
	t.outside = importer.ForCompiler(t.fset, "gc", t.openExport)
	return t, t.listExports()
}

// theirs returns a package of the real lineage.
func (t *tree) theirs(dir string) (*types.Package, error) {
	return t.outside.Import(join(theirModule, dir))
}

// Import implements types.Importer for packages of this tree: under the lineage's paths they find compat/etcd.
func (t *tree) Import(path string) (*types.Package, error) {
	dir, as := "", path
	if rest, ok := within(path, ourModule); ok {
		dir, as = rest, join(theirModule, rest)
	} else if rest, ok := within(path, theirModule); ok {
		dir = filepath.Join("compat", "etcd", rest)
	} else {
		return t.outside.Import(path)
	}
	if pkg := t.checked[path]; pkg != nil {
		return pkg, nil
	}
	files, err := t.parse(dir)
	if err != nil {
		return nil, err
	}
	conf := types.Config{Importer: t, IgnoreFuncBodies: true}
	pkg, err := conf.Check(as, t.fset, files, nil)
	if err != nil {
		return nil, fmt.Errorf("type-check %s: %w", path, err)
	}
	t.checked[path] = pkg
	return pkg, nil
}

// within returns the directory of a package within a module.
func within(path, module string) (dir string, ok bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

// parse reads the files of a directory that a plain build would compile.
func (t *tree) parse(dir string) ([]*ast.File, error) {
	info, err := build.Default.ImportDir(filepath.Join(t.root, dir), 0)
	if err != nil {
		return nil, fmt.Errorf("find the source in %s: %w", dir, err)
	}
	var files []*ast.File
	for _, name := range info.GoFiles {
		name = filepath.Join(dir, name)
		text, err := os.ReadFile(filepath.Join(t.root, name))
		if err != nil {
			return nil, err
		}
		source := string(text)
		if t.edit != nil {
			source = t.edit(filepath.ToSlash(name), source)
		}
		file, err := parser.ParseFile(t.fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// listExports asks the go command where the export data is of everything that the lineage and this library import.
func (t *tree) listExports() error {
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for _, dir := range packages() {
		args = append(args, join(theirModule, dir), join(ourModule, dir))
	}
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list -export: %w", err)
	}
	t.exports = map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		t.exports[path] = file
	}
	return nil
}

func (t *tree) openExport(path string) (io.ReadCloser, error) {
	file := t.exports[path]
	if file == "" {
		return nil, fmt.Errorf("no export data is known for package %s", path)
	}
	return os.Open(file)
}
