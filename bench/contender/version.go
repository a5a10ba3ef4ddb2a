package contender

import (
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"strings"
)

// Version says which version of the library a built worker holds, as recorded in the binary itself. For the library of
// this repository it is the commit, and whether there are changes on top of it.
func (c Contender) Version(file, bench string) (string, error) {
	if c.Module == "" {
		return commit(bench), nil
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading what the worker of %s was built from: %w", c.ID, err)
	}
	for _, m := range info.Deps {
		if m.Path == c.Module {
			return m.Version, nil
		}
	}
	return "", fmt.Errorf("the worker of %s holds no module %s", c.ID, c.Module)
}

// GoVersion is the version of Go that a binary was built with.
func GoVersion(file string) (string, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading what %s was built with: %w", file, err)
	}
	return info.GoVersion, nil
}

// commit is the commit that is checked out around dir. A copy of the sources without git has none.
func commit(dir string) string {
	hash, err := git(dir, "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "unknown"
	}
	// Results and plots do not change what is measured.
	changes, err := git(dir, "status", "--porcelain", "--", ":/", ":(exclude,top)docs")
	if err != nil || changes != "" {
		return hash + " with changes"
	}
	return hash
}

func git(dir string, args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}
