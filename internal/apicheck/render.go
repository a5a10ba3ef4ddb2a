package apicheck

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// surface renders every exported declaration of a package, sorted, one a line.
func surface(pkg *types.Package) []string {
	w := &writer{prefix: "pkg " + pkg.Name() + ", "}
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		obj := scope.Lookup(name)
		if !obj.Exported() {
			continue
		}
		switch obj := obj.(type) {
		case *types.Const:
			w.line("const %s %s = %s", name, typeText(obj.Type()), obj.Val().ExactString())
		case *types.Var:
			w.line("var %s %s", name, typeText(obj.Type()))
		case *types.Func:
			w.line("func %s%s", name, signatureText(obj.Signature()))
		case *types.TypeName:
			w.typeName(obj)
		}
	}
	slices.Sort(w.lines)
	return w.lines
}

// A writer collects the lines of one package.
type writer struct {
	prefix string
	lines  []string
}

func (w *writer) line(format string, args ...any) {
	w.lines = append(w.lines, w.prefix+fmt.Sprintf(format, args...))
}

func (w *writer) typeName(obj *types.TypeName) {
	if obj.IsAlias() {
		w.line("type %s = %s", obj.Name(), typeText(obj.Type()))
		return
	}
	switch under := obj.Type().Underlying().(type) {
	case *types.Struct:
		w.structType(obj.Name(), under)
	case *types.Interface:
		w.interfaceType(obj.Name(), under)
		return // the methods of an interface are lines of their own already
	default:
		w.line("type %s %s", obj.Name(), typeText(under))
	}
	w.methods(obj)
}

func (w *writer) structType(name string, st *types.Struct) {
	w.line("type %s struct", name)
	for field := range st.Fields() {
		if !field.Exported() {
			continue
		}
		if field.Embedded() {
			w.line("type %s struct, embedded %s", name, typeText(field.Type()))
			continue
		}
		w.line("type %s struct, %s %s", name, field.Name(), typeText(field.Type()))
	}
}

// interfaceType writes the whole method set, embedded interfaces included. Methods that are not exported are written
// too, as one line: nobody outside could implement such an interface.
func (w *writer) interfaceType(name string, it *types.Interface) {
	w.line("type %s interface", name)
	closed := false
	for method := range it.Methods() {
		if !method.Exported() {
			closed = true
			continue
		}
		w.line("type %s interface, %s%s", name, method.Name(), signatureText(method.Signature()))
	}
	if closed {
		w.line("type %s interface, unexported methods", name)
	}
}

// methods writes what is declared on a type, and what it gains by embedding a type that is not exported: users see no
// difference between the two. What it gains from an exported embedded type stands at that type.
func (w *writer) methods(obj *types.TypeName) {
	byValue := types.NewMethodSet(obj.Type())
	byPointer := types.NewMethodSet(types.NewPointer(obj.Type()))
	for sel := range byPointer.Methods() {
		fn := sel.Obj().(*types.Func)
		if !fn.Exported() || len(sel.Index()) > 1 && embeddedExported(obj, sel.Index()[0]) {
			continue
		}
		recv := "*" + obj.Name()
		if byValue.Lookup(fn.Pkg(), fn.Name()) != nil {
			recv = obj.Name()
		}
		w.line("method (%s) %s%s", recv, fn.Name(), signatureText(fn.Signature()))
	}
}

func embeddedExported(obj *types.TypeName, field int) bool {
	st, ok := obj.Type().Underlying().(*types.Struct)
	return ok && st.Field(field).Exported()
}

// typeText writes a type with every alias replaced by what it stands for, at any depth.
func typeText(t types.Type) string {
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		return "*" + typeText(t.Elem())
	case *types.Slice:
		return "[]" + typeText(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), typeText(t.Elem()))
	case *types.Map:
		return "map[" + typeText(t.Key()) + "]" + typeText(t.Elem())
	case *types.Chan:
		return chanText(t)
	case *types.Signature:
		return "func" + signatureText(t)
	default:
		return types.TypeString(t, (*types.Package).Name)
	}
}

func chanText(t *types.Chan) string {
	switch t.Dir() {
	case types.RecvOnly:
		return "<-chan " + typeText(t.Elem())
	case types.SendOnly:
		return "chan<- " + typeText(t.Elem())
	default:
		return "chan " + typeText(t.Elem())
	}
}

// signatureText writes type parameters, parameters and results, without the word func.
func signatureText(sig *types.Signature) string {
	var b strings.Builder
	if params := sig.TypeParams(); params.Len() > 0 {
		b.WriteString("[" + typeParamsText(params) + "]")
	}
	b.WriteString("(" + tupleText(sig.Params(), sig.Variadic()) + ")")
	results := sig.Results()
	switch {
	case results.Len() == 0:
	case results.Len() == 1 && results.At(0).Name() == "":
		b.WriteString(" " + typeText(results.At(0).Type()))
	default:
		b.WriteString(" (" + tupleText(results, false) + ")")
	}
	return b.String()
}

func typeParamsText(params *types.TypeParamList) string {
	var parts []string
	for param := range params.TypeParams() {
		parts = append(parts, param.Obj().Name()+" "+typeText(param.Constraint()))
	}
	return strings.Join(parts, ", ")
}

func tupleText(tuple *types.Tuple, variadic bool) string {
	var parts []string
	for i := range tuple.Len() {
		v := tuple.At(i)
		text := typeText(v.Type())
		if variadic && i == tuple.Len()-1 {
			text = "..." + strings.TrimPrefix(text, "[]")
		}
		if v.Name() != "" {
			text = v.Name() + " " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
