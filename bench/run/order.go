package run

import "regexp"

// A task is one workload on one worker, by its place in the list.
type task struct {
	workload string
	worker   int
}

// order lists the tasks of a round. Libraries take turns within each workload, so that whatever slows the machine for a
// while falls on all of them; the one that comes first moves on by one from round to round.
func order(workers []Worker, only *regexp.Regexp, round int) []task {
	var tasks []task
	for _, workload := range union(workers) {
		if !only.MatchString(workload) {
			continue
		}
		var having []int
		for i, w := range workers {
			if w.has(workload) {
				having = append(having, i)
			}
		}
		for i := range having {
			tasks = append(tasks, task{workload, having[(i+round)%len(having)]})
		}
	}
	return tasks
}

// union lists the workloads of all workers: those of the first in its order, then what else the next ones have.
func union(workers []Worker) []string {
	var all []string
	seen := map[string]bool{}
	for _, w := range workers {
		for _, workload := range w.Workloads {
			if !seen[workload] {
				seen[workload] = true
				all = append(all, workload)
			}
		}
	}
	return all
}

func (w Worker) has(workload string) bool {
	for _, name := range w.Workloads {
		if name == workload {
			return true
		}
	}
	return false
}
