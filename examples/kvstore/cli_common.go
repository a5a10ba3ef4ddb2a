package main

// What all commands of the client share: the flags that say which cluster, and the client made of them.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/client"
)

const defaultEndpoints = "http://127.0.0.1:8401,8402,8403"

// common holds the flags that every command of the client has.
type common struct {
	endpoints string
	token     string
	ca        string
	timeout   time.Duration
	json      bool
}

// addCommon adds the common flags, with defaults from the environment. Secrets of the environment are not shown by the
// usage.
func addCommon(line *commandLine, getenv func(string) string) *common {
	c := &common{}
	endpoints := getenv("KVSTORE_ENDPOINTS")
	if endpoints == "" {
		endpoints = defaultEndpoints
	}
	line.StringVar(&c.endpoints, "endpoints", endpoints,
		"`urls` of members, separated by commas; a port alone takes the rest from the one before it;\nalso KVSTORE_ENDPOINTS")
	line.StringVar(&c.token, "token", "", "bearer `token`, if the members want one; also KVSTORE_TOKEN")
	line.StringVar(&c.ca, "tls-ca", "", "PEM `file` with the authority of the members' certificates (default: those of the system);\nalso KVSTORE_TLS_CA")
	line.DurationVar(&c.timeout, "timeout", client.DefaultTimeout, "how long to try, over all members; a `duration` such as 5s")
	line.BoolVar(&c.json, "json", false, "write the answer as JSON")
	return c
}

// clientLine makes the command line of a client command.
func clientLine(name, text string) (*commandLine, *common) {
	line := newCommandLine(name, text)
	return line, addCommon(line, os.Getenv)
}

// connect makes the client. It connects to nothing yet.
func (c *common) connect(discover bool) (*client.Client, error) {
	endpoints, err := parseEndpoints(c.endpoints)
	if err != nil {
		return nil, err
	}
	if c.timeout <= 0 {
		return nil, usagef("--timeout %v: it has to be positive", c.timeout)
	}
	token := c.token
	if token == "" {
		token = os.Getenv("KVSTORE_TOKEN")
	}
	options := client.Options{Endpoints: endpoints, Token: token, Timeout: c.timeout, Discover: discover}
	ca := c.ca
	if ca == "" {
		ca = os.Getenv("KVSTORE_TLS_CA")
	}
	if ca != "" {
		if options.TLS, err = trust(ca); err != nil {
			return nil, err
		}
	}
	made, err := client.New(options)
	if err != nil {
		return nil, usagef("--endpoints: %v", err)
	}
	return made, nil
}

// parseEndpoints reads a list such as http://127.0.0.1:8401,8402,https://b:8401.
func parseEndpoints(list string) ([]string, error) {
	var endpoints []string
	for _, part := range strings.Split(list, ",") {
		part = strings.TrimSpace(part)
		switch {
		case part == "":
			return nil, usagef("--endpoints %q: an empty entry", list)
		case strings.Trim(part, "0123456789") == "":
			if len(endpoints) == 0 {
				return nil, usagef("--endpoints %q: the first entry has no host", list)
			}
			last, err := url.Parse(endpoints[len(endpoints)-1])
			if err != nil {
				return nil, usagef("--endpoints %q: %v", list, err)
			}
			part = last.Scheme + "://" + net.JoinHostPort(last.Hostname(), part)
		case !strings.Contains(part, "://"):
			part = "http://" + part
		}
		endpoints = append(endpoints, part)
	}
	return endpoints, nil
}

// trust makes a configuration that accepts the certificates of one authority.
func trust(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca or KVSTORE_TLS_CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-ca or KVSTORE_TLS_CA: %s holds no certificate in PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// with parses the arguments, makes the client, and runs a command with it.
func (c *common) with(
	ctx context.Context, line *commandLine, args []string, least, most int, stdout io.Writer,
	command func(ctx context.Context, kv *client.Client, args []string) error,
) error {
	positional, err := line.parse(args, least, most, stdout)
	if err != nil {
		return err
	}
	kv, err := c.connect(false)
	if err != nil {
		return err
	}
	defer kv.Close()
	return command(ctx, kv, positional)
}

// writeJSON writes one line of JSON.
func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
