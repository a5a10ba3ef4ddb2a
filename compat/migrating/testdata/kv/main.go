// A replicated map, as small as an honest user of the library can be: each member is a process with a file for its disk
// and a socket for its peers. What it makes of the library is in member.go, transport.go and disk.go; this file is the
// command line.
//
//	kv serve -id 1        run a member, until it is told to stop
//	kv wait               until there is one leader, and everybody is close behind it and applies
//	kv load               write until told to stop, and note what was acknowledged
//	kv transfer -id 1     see to it that another member leads
//	kv check [FILE]       read everything at every member, and compare it with what was acknowledged, and with FILE
//	kv import -id 1 FILE  make a disk that begins with the map in FILE
//	kv demo               three members in this process, some puts, a restart, what everybody reads
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// everyone is who takes part.
var everyone = []uint64{1, 2, 3}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("want a command"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	id := flags.Uint64("id", 0, "which member")
	fail(flags.Parse(os.Args[2:]))
	commands := map[string]func() error{
		"serve":    func() error { return serve(*id) },
		"wait":     wait,
		"load":     load,
		"transfer": func() error { return transfer(*id) },
		"check":    func() error { return check(flags.Arg(0)) },
		"import":   func() error { return importFile(*id, flags.Arg(0)) },
		"demo":     demo,
	}
	run := commands[os.Args[1]]
	if run == nil {
		fail(fmt.Errorf("no command %q", os.Args[1]))
	}
	fail(run())
}

// serve runs a member until a signal asks it to stop.
func serve(id uint64) error {
	m, err := startMember(id)
	if err != nil {
		return err
	}
	<-stopSignal()
	return m.stop()
}

func importFile(id uint64, name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return importState(id, data)
}

func stopSignal() chan os.Signal {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, os.Interrupt)
	return asked
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "kv:", err)
		os.Exit(1)
	}
}
