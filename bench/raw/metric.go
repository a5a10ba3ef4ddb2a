package raw

// Metric is one of the things that a run costs.
type Metric int

const (
	// CPU is processor time in nanoseconds for an operation, garbage collection included.
	CPU Metric = iota
	// Wall is wall time in nanoseconds for an operation.
	Wall
	// Objects is the number of objects allocated for an operation.
	Objects
	// Bytes is the number of bytes allocated for an operation.
	Bytes
	// LiveBytes is the number of bytes that what an operation made goes on holding.
	LiveBytes
	// LiveObjects is the number of objects that what an operation made goes on holding.
	LiveObjects
)

// MeasuresMemory reports whether the series is of a workload that measures what is held, not what is done.
func (s *Series) MeasuresMemory() bool { return len(s.LiveBytes) > 0 }

// Main is the metric that libraries are compared by.
func (s *Series) Main() Metric {
	if s.MeasuresMemory() {
		return LiveBytes
	}
	return CPU
}

// Values returns what an operation cost in each round; nothing if the workload does not measure that.
func (s *Series) Values(m Metric) []float64 {
	switch m {
	case CPU:
		return each(s.CPUNs, s.Operations)
	case Wall:
		return each(s.WallNs, s.Operations)
	case Objects:
		return each(s.Objects, s.Operations)
	case Bytes:
		return each(s.Bytes, s.Operations)
	case LiveBytes:
		return each(s.LiveBytes, s.Operations)
	default:
		return each(s.LiveObjects, s.Operations)
	}
}

// each divides totals by numbers of operations.
func each[T int64 | uint64 | float64](totals []T, operations []int) []float64 {
	if len(totals) == 0 {
		return nil
	}
	values := make([]float64, len(totals))
	for i, total := range totals {
		values[i] = float64(total) / float64(operations[i])
	}
	return values
}
