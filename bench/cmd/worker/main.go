// Command worker runs one workload in this process, against the library it was built for, and prints what it cost as a
// line of JSON. The program in the module's root builds one worker for each library and runs them in turn.
package main

import (
	"github.com/seed695671cb/raft/bench/command"
	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/workload"
)

func main() { command.Main(lib.Name, workload.All()) }
