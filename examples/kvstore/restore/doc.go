// Package restore shows that a large data set reaches a new member by snapshot, while writes go on, in bounded memory.
//
// It starts three members of kvstore as processes, fills them with values that do not compress, has them compact their
// logs, and adds a fourth member whose disk is empty: as a learner, which is promoted when it has caught up. Clients write
// all the while. What is measured: how long it took, how much was sent, how the writes fared, and the peak of each process'
// memory. In the end all four members have to hold the same, and what was acknowledged.
//
//	go run ./restore/cmd/restore -size 2GB
//	go run ./restore/cmd/restore -size 2GB -resume
//
// With -resume the new member is killed when a part of the snapshot has arrived, and started again: the snapshot goes on
// from there.
//
// It needs Linux, whose /proc tells the peak of a process' memory.
package restore
