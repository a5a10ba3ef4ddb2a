// Package migrating holds the test of docs/MIGRATING.md: it runs the commands of that document, as they stand there, on
// small programs that are written for other libraries, and looks whether the programs still do the same.
//
// A block of commands is preceded by a comment that names the script it belongs to:
//
//	<!-- tried: replacement -->
//
// The blocks of a script are run in their order, in one shell, in a copy of a program from testdata. A block that cannot
// be run, since it needs what a test should not, says so: "<!-- not tried: why -->". There is no third kind.
package migrating
