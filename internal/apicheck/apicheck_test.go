package apicheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/seed695671cb/raft"

// TestExportsMatchLists is the check itself: every line of every list, against the tree as it stands.
func TestExportsMatchLists(t *testing.T) {
	l := newLoader(module, filepath.Join("..", ".."))
	lists := [...]struct{ list, path string }{
		{"raftpb.txt", module + "/raftpb"},
		{"quorum.txt", module + "/quorum"},
		{"tracker.txt", module + "/tracker"},
		{"raft.txt", module},
	}
	for _, tc := range lists {
		t.Run(tc.list, func(t *testing.T) {
			want := readList(t, tc.list)
			pkg, err := l.load(tc.path)
			if err != nil {
				t.Fatal(err)
			}
			problems := compare(want, parsed(t, surface(pkg)))
			for _, problem := range problems {
				t.Error("\n" + problem)
			}
			t.Logf("%d of %d lines of %s do not match", len(problems), len(want), tc.list)
		})
	}
}

// TestExportsMatchTheListBeyond checks what stands in none of the lists above and is exported by version 3.6.0. It
// names several packages.
func TestExportsMatchTheListBeyond(t *testing.T) {
	l := newLoader(module, filepath.Join("..", ".."))
	byPackage := map[string][]declaration{}
	for _, d := range readList(t, "beyond.txt") {
		name, _, _ := strings.Cut(strings.TrimPrefix(d.line, "pkg "), ",")
		byPackage[name] = append(byPackage[name], d)
	}
	paths := map[string]string{"raft": module, "tracker": module + "/tracker"}
	for name, want := range byPackage {
		pkg, err := l.load(paths[name])
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range compare(want, parsed(t, surface(pkg))) {
			t.Error("\n" + problem)
		}
	}
}

func TestTopLevelLeavesOutMembers(t *testing.T) {
	got, err := TopLevel(sampleList)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range got {
		if d.Package != "sample" {
			t.Errorf("%+v is in package sample", d)
		}
		names = append(names, d.Kind+" "+d.Name+" "+d.Rest)
	}
	want := []string{
		"const Big uint64 = 18446744073709551615", "const High sample.Level = 3", "func Generic [T any](t T) T",
		"func Make (_ sample.Outer, more ...byte) (*sample.Outer, chan<- int)", "type Alias = sample.Outer",
		"type Doer interface", "type Inner struct", "type Level uint8", "type Outer struct", "type Sealed interface",
		"var Names map[string][]uint8",
	}
	if strings.Join(names, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	if _, err := TopLevel("pkg sample, konst High = 3"); err == nil {
		t.Error("a list that makes no sense was read")
	}
}

// TestEveryLineCounts doctors each line of a real list in turn and expects the check to notice.
func TestEveryLineCounts(t *testing.T) {
	want := readList(t, "raftpb.txt")
	pkg, err := newLoader(module, filepath.Join("..", "..")).load(module + "/raftpb")
	if err != nil {
		t.Fatal(err)
	}
	got := parsed(t, surface(pkg))
	for i, original := range want {
		for _, doctored := range [...]declaration{
			{line: original.line, name: original.name + "X", shape: original.shape},
			{line: original.line, name: original.name, shape: original.shape + "X"},
		} {
			want[i] = doctored
			if len(compare(want, got)) == 0 {
				t.Errorf("the change from %+v to %+v went unnoticed", original, doctored)
			}
		}
		want[i] = original
	}
}

const sample = `package sample

type Level uint8

const High Level = 3

const Big uint64 = 1<<64 - 1

var Names map[string][]byte

type Inner struct{ A, B int }

func (Inner) Value() {}

type hidden struct{}

func (*hidden) Promoted() error { return nil }

type Outer struct {
	*Inner
	hidden
	C    [2]Level
	Func func(id uint64, in ...interface{}) (ok bool)
	d    int
}

func (o *Outer) Do(lo, hi uint64, visit func(l Level, any any)) (n int, err error) { return 0, nil }

type Doer interface {
	Do() <-chan Level
}

type Sealed interface {
	Do()
	do()
}

type Alias = Outer

func Make(_ Alias, more ...byte) (*Alias, chan<- int) { return nil, nil }

func Generic[T any](t T) T { return t }
`

const sampleList = `# comment
pkg sample, const Big uint64 = 18446744073709551615
pkg sample, const High sample.Level = 3
pkg sample, func Generic[T any](t T) T
pkg sample, func Make(_ sample.Outer, more ...byte) (*sample.Outer, chan<- int)
pkg sample, method (*Outer) Do(lo uint64, hi uint64, visit func(l sample.Level, any any)) (n int, err error)
pkg sample, method (Inner) Value()
pkg sample, method (*Outer) Promoted() error
pkg sample, type Alias = sample.Outer
pkg sample, type Doer interface
pkg sample, type Doer interface, Do() <-chan sample.Level
pkg sample, type Inner struct
pkg sample, type Inner struct, A int
pkg sample, type Inner struct, B int
pkg sample, type Level uint8
pkg sample, type Outer struct
pkg sample, type Outer struct, C [2]sample.Level
pkg sample, type Outer struct, Func func(id uint64, in ...any) (ok bool)
pkg sample, type Outer struct, embedded *sample.Inner
pkg sample, type Sealed interface
pkg sample, type Sealed interface, Do()
pkg sample, type Sealed interface, unexported methods
pkg sample, var Names map[string][]uint8
`

func TestRendersEveryKindOfDeclaration(t *testing.T) {
	got := sampleSurface(t)
	want, err := parseList(sampleList)
	if err != nil {
		t.Fatal(err)
	}
	if problems := compare(want, got); len(problems) > 0 {
		t.Error(strings.Join(problems, "\n"))
	}
	if problems := compare(got, want); len(problems) > 0 {
		t.Error("rendered beyond the list:\n" + strings.Join(problems, "\n"))
	}
}

func TestDoctoredListIsCaught(t *testing.T) {
	got := sampleSurface(t)
	for _, tc := range [...]struct{ name, old, new, report string }{
		{"type of a constant", "High sample.Level", "High uint8", "changed: pkg sample, const High uint8 = 3"},
		{"value of a constant", "Level = 3", "Level = 4", "found: pkg sample, const High sample.Level = 3"},
		{"type of a variable", "[]uint8", "string", "changed: pkg sample, var Names"},
		{"parameter", "(lo uint64, hi uint64", "(lo uint64, hi int", "changed: pkg sample, method (*Outer) Do"},
		{"nested parameter", "func(l sample.Level", "func(l int", "changed: pkg sample, method (*Outer) Do"},
		{"fewer parameters", "(lo uint64, hi uint64", "(lo uint64", "changed: pkg sample, method (*Outer) Do"},
		{"variadic", "more ...byte", "more []byte", "changed: pkg sample, func Make"},
		{"direction of a channel", "chan<- int", "chan int", "changed: pkg sample, func Make"},
		{"receiver", "(*Outer) Do", "(Outer) Do", "nearest: pkg sample, method (*Outer) Do"},
		{"name", "(Inner) Value", "(Inner) Values", "nearest: pkg sample, method (Inner) Value()"},
		{"length of an array", "[2]sample", "[3]sample", "changed: pkg sample, type Outer struct, C"},
		{"embedding by value", "embedded *sample", "embedded sample", "nearest: pkg sample, type Outer struct, embedded"},
		{"alias", "Alias = sample.Outer", "Alias = sample.Inner", "changed: pkg sample, type Alias"},
		{"alias for a type", "Alias = sample.Outer", "Alias struct", "changed: pkg sample, type Alias"},
		{"underlying type", "Level uint8", "Level uint16", "changed: pkg sample, type Level"},
		{"kind of a type", "Doer interface\n", "Doer struct\n", "changed: pkg sample, type Doer struct"},
		{
			"one method fewer", "pkg sample, type Doer interface, Do() <-chan sample.Level\n", "",
			"surplus: pkg sample, type Doer interface, Do()",
		},
		{
			"sealed", "pkg sample, type Sealed interface, unexported methods\n", "",
			"surplus: pkg sample, type Sealed interface, unexported methods",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doctored := strings.Replace(sampleList, tc.old, tc.new, 1)
			if doctored == sampleList {
				t.Fatalf("the sample does not hold %q", tc.old)
			}
			want, err := parseList(doctored)
			if err != nil {
				t.Fatal(err)
			}
			if report := strings.Join(compare(want, got), "\n"); !strings.Contains(report, tc.report) {
				t.Errorf("want a report of %q, got %q", tc.report, report)
			}
		})
	}
}

func TestNamesOfParametersAreNotCompared(t *testing.T) {
	renamed := strings.Replace(sampleList, "(lo uint64, hi uint64, visit", "(from uint64, to uint64, f", 1)
	want, err := parseList(renamed)
	if err != nil {
		t.Fatal(err)
	}
	if problems := compare(want, sampleSurface(t)); len(problems) > 0 {
		t.Error(strings.Join(problems, "\n"))
	}
}

func TestListThatMakesNoSenseIsRefused(t *testing.T) {
	for _, list := range [...]string{
		"pkg sample, konst High = 3",
		"package sample, var A int",
		"pkg sample, func F",
		"pkg sample, var A int\npkg sample, var A string",
	} {
		if decls, err := parseList(list); err == nil {
			t.Errorf("%q was taken for %+v", list, decls)
		}
	}
}

func TestMissingPackageIsAnError(t *testing.T) {
	if _, err := newLoader(module, filepath.Join("..", "..")).load(module + "/nowhere"); err == nil {
		t.Error("a package that does not exist was loaded")
	}
}

func sampleSurface(t *testing.T) []declaration {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "sample.go", sample, 0)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := new(types.Config).Check("sample", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, surface(pkg))
}

func parsed(t *testing.T, lines []string) []declaration {
	t.Helper()
	decls, err := parseList(strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return decls
}

func readList(t *testing.T, name string) []declaration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	decls, err := parseList(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(decls) == 0 {
		t.Fatalf("%s lists nothing", name)
	}
	return decls
}
