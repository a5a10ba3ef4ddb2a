package demo

// Where the controls and the members listen, kept in the directory of the data: the members store each other's URLs, so a
// directory that is used again has to be used with the same ports and the same members.

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// layoutFile is the name of the file in the directory.
const layoutFile = "demo.json"

// ErrFlags is wrapped by the errors of a configuration that cannot be, or contradicts the directory that it names.
var ErrFlags = errors.New("the flags do not fit")

// A layout says who listens where.
type layout struct {
	Control string  `json:"control"` // host and port of the controls
	Members []place `json:"members"`
}

// A place is a member of the layout.
type place struct {
	ID     uint64 `json:"id"`
	Addr   string `json:"addr"`
	Joined bool   `json:"joined,omitempty"` // added to the cluster after it had begun
}

// loadLayout reads the layout of a directory. It is nil if there is none yet.
func loadLayout(dir string) (*layout, error) {
	file := filepath.Join(dir, layoutFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading how the demo ran in %s: %w", dir, err)
	}
	var l layout
	if err := json.Unmarshal(text, &l); err != nil || l.Control == "" || len(l.Members) == 0 {
		return nil, fmt.Errorf("%s is not what a demo has written: name another directory with --data, or remove this one", file)
	}
	return &l, nil
}

// save writes the layout, in one step.
func (l *layout) save(dir string) error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, layoutFile)
	if err := os.WriteFile(file+".new", append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("keeping where the members listen: %w", err)
	}
	return os.Rename(file+".new", file)
}

// began counts the members that began the cluster.
func (l *layout) began() int {
	count := 0
	for _, p := range l.Members {
		if !p.Joined {
			count++
		}
	}
	return count
}

// contradicts says which wish of a configuration the layout cannot fulfil.
func (l *layout) contradicts(config Config) error {
	want := fmt.Sprintf("127.0.0.1:%d", config.Port)
	if !config.AnyPort && config.Port != 0 && l.Control != want {
		return fmt.Errorf("%w: the cluster in %s has its controls at %s, and --port %d was given: leave --port out, or name another "+
			"directory with --data", ErrFlags, config.Dir, l.Control, config.Port)
	}
	if began := l.began(); !config.AnyMembers && began != config.Members {
		return fmt.Errorf("%w: the cluster in %s began with %d members, and --members %d was given: leave --members out, or name "+
			"another directory with --data", ErrFlags, config.Dir, began, config.Members)
	}
	return nil
}

// find returns where a member listens, nil if the layout does not have it.
func (l *layout) find(id uint64) *place {
	if l == nil {
		return nil
	}
	if at := slices.IndexFunc(l.Members, func(p place) bool { return p.ID == id }); at >= 0 {
		return &l.Members[at]
	}
	return nil
}
