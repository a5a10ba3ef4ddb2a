package lint

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

// checkHeader wants every non-test file to say what it is for: in a comment before the package clause, after it, or at
// the first declaration. Files that implement a section of the paper or of the thesis cite it there.
func checkHeader(s *source) []finding {
	if s.generated || s.isTest() {
		return nil
	}
	header := headerText(s.file)
	if header == "" {
		return []finding{s.finding(s.file.Package, "begin the file with a comment that says what it is for")}
	}
	cites := s.dir() == "." && rootFiles()[s.name].cites
	if cites && !citation().MatchString(header) {
		return []finding{s.finding(s.file.Package, "cite the section that the file implements in its header, as in Raft §5.3")}
	}
	return nil
}

func citation() *regexp.Regexp { return regexp.MustCompile(`(Raft|thesis) (§|Fig\. )\d`) }

// headerText joins the comments that stand before the body of the first declaration other than the imports, its own
// included. Directives such as build constraints do not count.
func headerText(file *ast.File) string {
	end := firstDeclaration(file)
	var words []string
	for _, group := range file.Comments {
		if group.Pos() < end {
			words = append(words, strings.Fields(group.Text())...)
		}
	}
	return strings.Join(words, " ")
}

// firstDeclaration returns where the first declaration other than the imports stands, or the end of the file.
func firstDeclaration(file *ast.File) token.Pos {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			return decl.Type.Func
		case *ast.GenDecl:
			if decl.Tok != token.IMPORT {
				return decl.TokPos
			}
		}
	}
	return file.FileEnd
}
