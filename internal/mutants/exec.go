package mutants

// This file runs commands that must not run for ever, and that may have children.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// ended is how a command ended.
type ended struct {
	stdout, stderr string
	code           int
	timedOut       bool // it was killed, with its children, because it took longer than it may
}

// runLimited runs a command in dir for at most limit. That it ends with a code other than zero is no error.
func runLimited(ctx context.Context, dir string, limit time.Duration, name string, args ...string) (ended, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	// Children that outlive the command would hold its output open.
	cmd.WaitDelay = 5 * time.Second
	killWithChildren(cmd)
	err := cmd.Run()
	end := ended{stdout: stdout.String(), stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		end.timedOut = true
	case ctx.Err() != nil:
		return end, ctx.Err()
	case errors.As(err, &exit):
		end.code = exit.ExitCode()
	case err != nil:
		return end, err
	}
	return end, nil
}

// failure describes a command that ended otherwise than it should.
func (e ended) failure(what string) error {
	if e.timedOut {
		return fmt.Errorf("%s took longer than it may", what)
	}
	text := strings.TrimSpace(e.stderr + e.stdout)
	if len(text) > 2000 {
		text = text[:1000] + "\n...\n" + text[len(text)-1000:]
	}
	return fmt.Errorf("%s ended with code %d:\n%s", what, e.code, text)
}
