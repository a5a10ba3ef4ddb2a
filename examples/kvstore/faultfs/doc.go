// Package faultfs makes a disk fail on command, so that a test can see what a whole process makes of it. It wraps one of
// Pebble's file systems and obeys a small file outside of it, the fault file:
//
//	(empty, or no such file)  the disk is healthy
//	fail                      every write and every sync fails with EIO
//	full                      the same with ENOSPC; files can still be removed
//	slow 250                  every sync takes 250 ms longer
//
// What is there can be read at any time. The fault file is looked at when something is written, at most every few
// milliseconds, so that a healthy disk costs nothing to speak of and no goroutine is needed.
package faultfs
