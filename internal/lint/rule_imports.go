package lint

// This rule keeps the layers of packages apart, and the dependencies of users few.

import (
	"slices"
	"strconv"
	"strings"
)

const modulePath = "github.com/seed695671cb/raft"

// checkImports holds every package to the table of imports. Test files are free to import any package of the module:
// the compiler refuses cycles, and tests are no part of what users get.
func checkImports(s *source) []finding {
	allowed, known := lookUp(packageImports(), s.dir())
	if !known {
		return []finding{s.finding(s.file.Package,
			"package directory %q is in no level; say in levels.go what it may import", s.dir())}
	}
	var findings []finding
	for _, spec := range s.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			findings = append(findings, s.finding(spec.Pos(), "import path %s cannot be read", spec.Path.Value))
			continue
		}
		if ours, inside := insideModule(imported); inside {
			if !s.isTest() && !slices.Contains(allowed, ours) && !slices.Contains(allowed, anyPackage) {
				findings = append(findings, s.finding(spec.Pos(), "%s may not import %s", where(s.dir()), where(ours)))
			}
			continue
		}
		if !thirdPartyAllowed(s, imported) {
			findings = append(findings, s.finding(spec.Pos(), "%s may not depend on %s", where(s.dir()), imported))
		}
	}
	return findings
}

func where(dir string) string {
	if dir == "." {
		return "the root package"
	}
	return "package " + dir
}

// insideModule returns the directory of a package of the module.
func insideModule(importPath string) (dir string, inside bool) {
	if importPath == modulePath {
		return ".", true
	}
	return strings.CutPrefix(importPath, modulePath+"/")
}

// lookUp finds a directory in a table whose keys with a trailing slash cover what is below them as well.
func lookUp(table map[string][]string, dir string) (row []string, known bool) {
	if row, known = table[dir]; known {
		return row, true
	}
	top, _, _ := strings.Cut(dir, "/")
	row, known = table[top+"/"]
	return row, known
}

// thirdPartyAllowed reports whether a file may import a package that is not the module's own. A path whose first
// element has no dot is the standard library's.
func thirdPartyAllowed(s *source, importPath string) bool {
	host, _, _ := strings.Cut(importPath, "/")
	if !strings.Contains(host, ".") {
		return true
	}
	allowed, _ := lookUp(thirdParty(), s.dir())
	if s.isTest() {
		allowed = testOnly()
	}
	return slices.ContainsFunc(allowed, func(module string) bool {
		return importPath == module || strings.HasPrefix(importPath, module+"/")
	})
}
