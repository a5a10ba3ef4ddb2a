package mutants

// This file is for continuous integration: the table is current, and every mutant is still caught.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Verify returns an error unless there are results for exactly the catalogue, and the table is what Table writes.
func Verify(root string, topics []Topic, results Results) error {
	if err := results.Fit(All(topics)); err != nil {
		return err
	}
	have, err := os.ReadFile(filepath.Join(root, TableFile))
	if err != nil {
		return err
	}
	if string(have) != Table(topics, results) {
		return errors.New(TableFile + " is not current: write it with the verb table")
	}
	return nil
}

// Recheck runs every mutant by the cheapest catcher that has caught it, and returns an error unless that catches it
// again.
func Recheck(ctx context.Context, o Options, all []Mutant, results Results) error {
	return o.each(ctx, all, func(m *Mutant) (string, error) {
		if m.Equivalent != "" {
			return "equivalent", nil
		}
		r := results[m.Name]
		by, err := o.recatch(ctx, m, &r)
		if err != nil {
			return "", fmt.Errorf("mutant %s (%s): %w", m.Name, m.Source, err)
		}
		return "caught again by " + by, nil
	})
}

func (o Options) recatch(ctx context.Context, m *Mutant, r *Result) (by string, err error) {
	b, err := newBench(o.Root, m, o.Limit)
	if err != nil {
		return "", err
	}
	defer b.close()
	again := false
	switch {
	case caught(r.Scripts):
		by = "script " + r.Scripts.By
		again, err = runScript(ctx, b, r.Scripts.By)
	case caught(r.Simulator):
		by = "the simulator"
		again, err = isCaught(runSimulator(ctx, b, o.Effort))
	case caught(r.Model):
		by = "the model checker"
		again, err = isCaught(runModel(ctx, b, o.Effort))
	default:
		return "", errors.New("nothing has caught it yet")
	}
	if err == nil && !again {
		err = fmt.Errorf("it was caught by %s, and is no more: run it again", by)
	}
	return by, err
}

func isCaught(o Outcome, err error) (bool, error) { return o.Caught, err }
