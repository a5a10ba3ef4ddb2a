// Versus measures kvstore and etcd 3.6 side by side on this machine: clusters of three members each, as processes, with the
// same load. README.md says how, and what came out. Run it in its directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The roles that this program plays beside that of the one that measures: it starts itself anew for them.
const (
	roleMember = "etcd-member"
	roleLoad   = "load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "versus: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	role := ""
	if len(args) > 0 {
		role = args[0]
	}
	switch role {
	case roleMember:
		return runMember(ctx, args[1:], stdout)
	case roleLoad:
		return runLoad(ctx, args[1:], stdout)
	default:
		return runSession(ctx, args, stdout, stderr)
	}
}

// settings are what a session is told by its flags.
type settings struct {
	rounds   int
	duration time.Duration
	warmup   time.Duration
	clients  []int
	readers  int
	out      string
	program  string
	dir      string
	progress io.Writer
}

func runSession(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	report, err := measure(ctx, s)
	if err != nil {
		return err
	}
	return report.publish(s.out, stdout)
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{progress: stderr}
	flags := flag.NewFlagSet("versus", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.rounds, "rounds", 5, "`number` of rounds; in each, every load is put on both, and which comes first alternates")
	flags.DurationVar(&s.duration, "duration", 5*time.Second, "how long each load is measured")
	flags.DurationVar(&s.warmup, "warmup", time.Second, "how long it goes on before that")
	clients := flags.String("clients", "1,16,64,256", "`numbers` of clients that write")
	flags.IntVar(&s.readers, "readers", 64, "`number` of clients that read, 0 for no reads")
	flags.StringVar(&s.out, "out", "", "`directory` for versus.md and versus.json; the table is shown in any case")
	flags.StringVar(&s.program, "program", "", "the `executable` of kvstore (default: built from the directory above)")
	flags.StringVar(&s.dir, "dir", "", "`directory` for the data, on a real disk (default: a temporary one)")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q is not a flag: versus takes nothing else", flags.Arg(0))
	}
	var err error
	s.clients, err = parseClients(*clients)
	if err == nil && (s.rounds < 1 || s.duration <= 0 || s.warmup < 0 || s.readers < 0) {
		err = errors.New("-rounds and -duration have to be positive, -warmup and -readers not negative")
	}
	return s, err
}

func parseClients(text string) ([]int, error) {
	var numbers []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > 10000 {
			return nil, fmt.Errorf("-clients is %q: write numbers from 1 to 10000, such as 1,16,64", text)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
