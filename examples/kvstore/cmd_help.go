package main

// help and version.

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

const overviewEnd = `
The commands of the client take --endpoints, --token, --tls-ca, --timeout and --json, before or after their arguments.
Without --endpoints they use KVSTORE_ENDPOINTS, or else ` + defaultEndpoints + `, where kvstore demo listens;
without --token KVSTORE_TOKEN, and without --tls-ca KVSTORE_TLS_CA.

kvstore help COMMAND explains a command. Status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 a condition did not hold.
`

// writeOverview lists the commands.
func writeOverview(out io.Writer) {
	fmt.Fprint(out, "Kvstore is a replicated key-value store: its members and its client.\n\nusage: kvstore COMMAND [ARGUMENTS]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(out, overviewEnd)
}

func helpCommand(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	line := newCommandLine("help", "help [COMMAND]\n\nExplains a command, or lists all of them.\n")
	args, err := line.parse(args, 0, 1, stdout)
	if err != nil {
		return err
	}
	if len(args) == 0 || args[0] == "help" {
		writeOverview(stdout)
		return nil
	}
	chosen, err := findCommand(args[0])
	if err != nil {
		return err
	}
	return chosen.run(ctx, []string{"--help"}, stdin, stdout, stderr)
}

func versionCommand(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	line := newCommandLine("version", "version\n\nPrints the version of the program, of Go, and the system it was built for.\n")
	asJSON := line.Bool("json", false, "write the answer as JSON")
	if _, err := line.parse(args, 0, 0, stdout); err != nil {
		return err
	}
	version := programVersion()
	system := runtime.GOOS + "/" + runtime.GOARCH
	if *asJSON {
		return writeJSON(stdout, map[string]string{"version": version, "go": runtime.Version(), "system": system})
	}
	_, err := fmt.Fprintf(stdout, "kvstore %s, %s, %s\n", version, runtime.Version(), system)
	return err
}

// programVersion is the version of the main module, or the revision it was built from, or "dev".
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "dev"
}
