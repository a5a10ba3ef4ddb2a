package mutants

// This file applies the edits of a mutant to copies of the files, and tells the go command to use these.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Apply returns the files that the mutant changes, by their names from the root, as they are with its edits made. An
// error says which edit no longer fits, and what to do.
func (m *Mutant) Apply(root string) (map[string]string, error) {
	changed := map[string]string{}
	for i, e := range m.Edits {
		text, again := changed[e.File]
		if !again {
			read, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File)))
			if err != nil {
				return nil, fmt.Errorf("mutant %s (%s): edit %d: %w", m.Name, m.Source, i+1, err)
			}
			text = string(read)
		}
		text, err := e.apply(text)
		if err != nil {
			return nil, fmt.Errorf("mutant %s (%s): edit %d: %w", m.Name, m.Source, i+1, err)
		}
		changed[e.File] = text
	}
	return changed, nil
}

// apply makes the edit. The old lines must stand in the text exactly once.
func (e *Edit) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	var found []int
	for i := 0; i+len(e.Old) <= len(lines); i++ {
		if slices.Equal(lines[i:i+len(e.Old)], e.Old) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 1:
		i := found[0]
		return strings.Join(slices.Concat(lines[:i], e.New, lines[i+len(e.Old):]), "\n"), nil
	case 0:
		return "", fmt.Errorf("%s does not hold the %d lines that begin with %q: the file has changed; "+
			"make the same mistake in its present code, or remove the mutant if it cannot be made any more",
			e.File, len(e.Old), strings.TrimSpace(e.Old[0]))
	default:
		return "", fmt.Errorf("%s holds the %d lines that begin with %q %d times: add lines around them to the edit, "+
			"each after a space", e.File, len(e.Old), strings.TrimSpace(e.Old[0]), len(found))
	}
}

// writeOverlay writes the changed files into dir, and with them a file of the given name for the go command's flag
// -overlay, whose path it returns. The files without are left out of what is built. The root must be an absolute path.
func writeOverlay(dir, name, root string, changed map[string]string, without []string) (string, error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for file, text := range changed {
		replacement := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(replacement, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, filepath.FromSlash(file))] = replacement
	}
	for _, file := range without {
		overlay.Replace[filepath.Join(root, filepath.FromSlash(file))] = ""
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, data, 0o600)
}
