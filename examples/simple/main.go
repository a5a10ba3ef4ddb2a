// Kvstore is a replicated key-value store: the smallest complete program around the raft library. All its replicas
// live in one process, on a network and on disks that are kept in memory, so that they can be crashed and cut off at
// will. README.md says where to begin reading.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/seed695671cb/raft"
)

const usage = `usage: simple demo [flags] [file]

Starts replicas of a key-value store and runs the commands in the file, or from standard input, one a line:

  put K V      set a key                        crash N      lose all of replica N but its disk
  get K        read a key, linearizably         restart N    start it again from its disk
  del K        remove a key                     partition N  cut replica N off from the others
  members      list the members                 heal         end all partitions
  add N        add a member with an empty disk  status       show every replica
  remove N     remove a member and its disk     # ...        a comment
  transfer N   make replica N the leader

Flags:
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: it returns the exit code, which is 0 if every command succeeded, 1 if one failed, and 2 if the
// command line is wrong.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("simple demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	opts := options{logger: raft.DiscardLogger{}}
	flags.IntVar(&opts.replicas, "replicas", 3, "how many replicas to start with, 1 to 9")
	flags.DurationVar(&opts.timeout, "timeout", 10*time.Second, "how long a command may wait without progress")
	flags.BoolVar(&opts.verify, "verify", false, "at the end, check that all live replicas hold the same state")
	flags.BoolVar(&opts.quiet, "quiet", false, `do not answer "ok" to every put and del`)
	verbose := flags.Bool("v", false, "write the library's log to standard error")

	if len(args) == 0 || args[0] != "demo" {
		flags.Usage()
		return 2
	}
	if flags.Parse(args[1:]) != nil {
		return 2
	}
	if flags.NArg() > 1 || opts.replicas < 1 || opts.replicas > 9 {
		flags.Usage()
		return 2
	}
	if *verbose {
		opts.logger = &raft.DefaultLogger{Logger: log.New(stderr, "raft ", log.Lmicroseconds)}
	}
	input := stdin
	if flags.NArg() == 1 {
		file, err := os.Open(flags.Arg(0))
		if err != nil {
			fmt.Fprintf(stderr, "simple: %v\n", err)
			return 1
		}
		defer file.Close()
		input = file
	}
	d, err := newDemo(opts, stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "simple: %v\n", err)
		return 1
	}
	defer d.close()
	if !d.run(input) {
		return 1
	}
	return 0
}
