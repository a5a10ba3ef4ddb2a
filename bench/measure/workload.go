package measure

import "fmt"

// Workload is one measurement.
type Workload struct {
	// Name is the kind and what is varied, as in "W1/batch=16".
	Name string
	// Unit is what an operation is: "entry", "read", "tick", ...
	Unit string
	// Operations is how many there are in a run unless asked otherwise.
	Operations int
	// New sets the workload up for about n operations, and returns how many there will be.
	New func(n int) (Job, int, error)
}

// Find returns the workload of the name.
func Find(all []Workload, name string) (Workload, error) {
	for _, w := range all {
		if w.Name == name {
			return w, nil
		}
	}
	return Workload{}, fmt.Errorf("no workload %q: -list lists them", name)
}
