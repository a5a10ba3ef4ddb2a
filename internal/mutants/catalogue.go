// Package mutants holds a catalogue of small wrong edits of the core, each of which stands for a bug that some Raft
// library has had or could have, and a tool that shows by what each of them is caught: the scripts of testdata, the
// simulator, or the model checker. Edits are applied by the go command's -overlay, never to the tree.
//
// This file reads the catalogue. It is the text files of the directory catalogue, one a topic:
//
//	# Title
//
//	What the topic is about.
//
//	== name-of-the-mutant
//	endangers: the property at stake
//	history: what goes wrong, and who had it; goes on in
//	  lines that are indented
//
//	-- file.go
//	 a line that stays
//	-a line that goes
//	+a line that comes
//
// A mutant has one edit or several, each with its own "-- file" and ended by an empty line. The lines that stay and go
// must follow each other in the file exactly once. A mutant that changes nothing that matters has an attribute
// "equivalent", which says why.
package mutants

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Dir is where the package and its data are, from the root of the module.
const Dir = "internal/mutants"

// Topic is one file of the catalogue.
type Topic struct {
	Title   string
	Intro   string
	Mutants []Mutant
}

// Mutant is one wrong edit of the core.
type Mutant struct {
	Name       string
	Endangers  string
	History    string
	Equivalent string // why it changes nothing that matters; empty for all but a few
	Edits      []Edit
	Source     string // file of the catalogue and line, for messages
}

// Edit replaces lines of a file, given from the root of the module, by others.
type Edit struct {
	File     string
	Old, New []string
}

// Fingerprint tells the edits of a mutant from other edits under the same name.
func (m *Mutant) Fingerprint() string {
	h := sha256.New()
	for _, e := range m.Edits {
		fmt.Fprintf(h, "%q %q %q\n", e.File, e.Old, e.New)
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// Load reads the catalogue of the module whose root is given, topics in the order of their file names.
func Load(root string) ([]Topic, error) {
	paths, err := filepath.Glob(filepath.Join(root, Dir, "catalogue", "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no catalogue in %s: run from within the module", filepath.Join(root, Dir))
	}
	var topics []Topic
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		topic, err := parseTopic(filepath.Base(path), string(text))
		if err != nil {
			return nil, err
		}
		topics = append(topics, topic)
	}
	return topics, checkNames(topics)
}

// All returns the mutants of all topics.
func All(topics []Topic) []Mutant {
	var all []Mutant
	for _, t := range topics {
		all = append(all, t.Mutants...)
	}
	return all
}

func checkNames(topics []Topic) error {
	seen := map[string]string{}
	for _, m := range All(topics) {
		if first, twice := seen[m.Name]; twice {
			return fmt.Errorf("%s: the name %s is taken by the mutant of %s: choose another", m.Source, m.Name, first)
		}
		seen[m.Name] = m.Source
	}
	return nil
}

// parser reads one file line by line. edit is the edit whose lines are being read, attr the attribute that an indented
// line continues.
type parser struct {
	topic Topic
	edit  *Edit
	attr  *string
}

func parseTopic(name, text string) (Topic, error) {
	var p parser
	for i, line := range strings.Split(text, "\n") {
		at := fmt.Sprintf("%s:%d", name, i+1)
		if err := p.line(at, line); err != nil {
			return Topic{}, fmt.Errorf("%s: %w", at, err)
		}
	}
	if p.topic.Title == "" || len(p.topic.Mutants) == 0 {
		return Topic{}, fmt.Errorf("%s: a topic has a line \"# title\" and at least one mutant", name)
	}
	for i := range p.topic.Mutants {
		if err := p.topic.Mutants[i].check(); err != nil {
			return Topic{}, fmt.Errorf("%s: %w", p.topic.Mutants[i].Source, err)
		}
	}
	return p.topic, nil
}

func (p *parser) line(at, line string) error {
	if title, ok := strings.CutPrefix(line, "# "); ok && p.topic.Title == "" {
		p.topic.Title = title
		return nil
	}
	if name, ok := strings.CutPrefix(line, "== "); ok {
		p.topic.Mutants = append(p.topic.Mutants, Mutant{Name: name, Source: at})
		p.edit, p.attr = nil, nil
		return nil
	}
	if len(p.topic.Mutants) == 0 {
		p.topic.Intro = strings.TrimSpace(p.topic.Intro + " " + line)
		return nil
	}
	m := &p.topic.Mutants[len(p.topic.Mutants)-1]
	if file, ok := strings.CutPrefix(line, "-- "); ok {
		m.Edits = append(m.Edits, Edit{File: file})
		p.edit, p.attr = &m.Edits[len(m.Edits)-1], nil
		return nil
	}
	switch {
	case line == "":
		p.edit, p.attr = nil, nil
		return nil
	case p.edit != nil:
		return p.edit.line(line)
	case p.attr != nil && line[0] == ' ':
		*p.attr += " " + strings.TrimSpace(line)
		return nil
	}
	return p.attribute(m, line)
}

func (p *parser) attribute(m *Mutant, line string) error {
	key, value, _ := strings.Cut(line, ": ")
	switch key {
	case "endangers":
		p.attr = &m.Endangers
	case "history":
		p.attr = &m.History
	case "equivalent":
		p.attr = &m.Equivalent
	default:
		return fmt.Errorf("%q is no attribute of a mutant, and no line of an edit", line)
	}
	*p.attr = value
	return nil
}

// line takes a line of an edit.
func (e *Edit) line(line string) error {
	text := line[1:]
	switch line[0] {
	case ' ':
		e.Old = append(e.Old, text)
		e.New = append(e.New, text)
	case '-':
		e.Old = append(e.Old, text)
	case '+':
		e.New = append(e.New, text)
	default:
		return fmt.Errorf("%q: a line of an edit begins with a space, - or +, and an empty line ends the edit", line)
	}
	return nil
}

func (m *Mutant) check() error {
	if m.Name == "" || m.Endangers == "" || m.History == "" || len(m.Edits) == 0 {
		return fmt.Errorf("mutant %q lacks its name, what it endangers, its history or its edits", m.Name)
	}
	for _, e := range m.Edits {
		if len(e.Old) == 0 || strings.Join(e.Old, "\n") == strings.Join(e.New, "\n") {
			return fmt.Errorf("mutant %s: an edit of %s has no lines to find, or changes none", m.Name, e.File)
		}
	}
	return nil
}
