// Package chaos breaks a kvstore cluster in every way that one machine can, while clients use it, and then proves from what
// they saw that the cluster kept its promises, or shows where it did not. The command in cmd/chaos runs it; README.md says
// how to use that, and how to repeat a run.
//
// A run has these parts:
//
//   - cluster.go, process.go, partition.go: the members, each a process of its own, with a proxy between them (package proxy),
//     and a file that makes its disk fail (package faultfs);
//   - plan.go: the plan, a list of acts that follows from the seed alone; nemesis.go, change.go and lag.go carry it out.
//     Never more than a minority is broken, unless all members are killed at once; after each act everything is healed, and
//     every member has to serve again before the next;
//   - compose.go, board.go, client.go: clients, each of which asks one member at a time and knows of each operation whether
//     it was done, was certainly not done, or may have been (request.go, answer.go); watcher.go: watchers, which go on
//     with another member where they left off;
//   - workload.go, availability.go, view.go: probes for the times in which no write succeeds, and an eye on who leads;
//   - finish.go: at the end everything is read again, from every member;
//   - package history holds what was seen, and package check judges it;
//   - run.go puts these together, and figures.go says what it came to.
//
// What is broken follows from the seed. What happens then does not: processes, disks and the network have their own time. A
// seed repeats the plan and what clients try, not the outcome; a history that was kept can be checked again and again.
package chaos
