package server

// Who may do what: bearer tokens from a file, each with a right.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A right is what an endpoint asks for. Each includes those before it.
type right uint8

const (
	rightNone right = iota
	rightRead
	rightWrite
	rightAdmin
)

func (r right) String() string {
	return [...]string{"none", "read", "write", "admin"}[r]
}

func parseRight(text string) (right, error) {
	for _, r := range [...]right{rightRead, rightWrite, rightAdmin} {
		if text == r.String() {
			return r, nil
		}
	}
	return rightNone, fmt.Errorf("%q is no right: use read, write or admin", text)
}

const (
	maxTokens     = 1000
	maxTokenBytes = 256
	// tokenInterval is how long the tokens that were read are used before the file is looked at again.
	tokenInterval = time.Second
)

// A grant is one line of the file. Tokens are kept as digests, so that comparing takes the same time for all of them.
type grant struct {
	digest [sha256.Size]byte
	name   string
	right  right
}

// parseTokens reads lines of TOKEN NAME RIGHT. Empty ones and those that begin with # do not count. Errors do not show tokens.
func parseTokens(text []byte) ([]grant, error) {
	var grants []grant
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		g, err := parseGrant(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		for i := range grants {
			if grants[i].digest == g.digest {
				return nil, fmt.Errorf("line %d: the token of %s is that of %s too", number, g.name, grants[i].name)
			}
		}
		grants = append(grants, g)
	}
	switch {
	case lines.Err() != nil:
		return nil, lines.Err()
	case len(grants) == 0:
		return nil, fmt.Errorf("there is no token in it, so nobody could do anything: write lines of TOKEN NAME read|write|admin")
	case len(grants) > maxTokens:
		return nil, fmt.Errorf("there are %d tokens in it, and %d are the most", len(grants), maxTokens)
	}
	return grants, nil
}

func parseGrant(fields []string) (grant, error) {
	if len(fields) != 3 {
		return grant{}, fmt.Errorf("it has %d words: write TOKEN NAME read|write|admin", len(fields))
	}
	if len(fields[0]) > maxTokenBytes {
		return grant{}, fmt.Errorf("the token has %d bytes, and %d are the most", len(fields[0]), maxTokenBytes)
	}
	r, err := parseRight(fields[2])
	return grant{digest: sha256.Sum256([]byte(fields[0])), name: fields[1], right: r}, err
}

// A tokenFile is the tokens of a file, which is read again when it has changed. A nil one admits everybody.
type tokenFile struct {
	path   string
	logger *slog.Logger
	grants atomic.Pointer[[]grant]

	mu   sync.Mutex
	text []byte
	read time.Time
}

// openTokens reads the file. Later mistakes in it are logged, and the tokens that were read last stay.
func openTokens(path string, logger *slog.Logger) (*tokenFile, error) {
	if path == "" {
		return nil, nil
	}
	t := &tokenFile{path: path, logger: logger}
	if err := t.load(); err != nil {
		return nil, err
	}
	t.warnIfOpen()
	return t, nil
}

// warnIfOpen logs that others of the machine's users can learn the tokens, or set their own. On Windows, rights say nothing about that.
func (t *tokenFile) warnIfOpen() {
	const others = 0o066
	info, err := os.Stat(t.path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&others == 0 {
		return
	}
	t.logger.Warn("users other than its owner can read or change the file of tokens: take that right from them, with chmod 600",
		"file", t.path, "mode", info.Mode().Perm().String())
}

func (t *tokenFile) load() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.loadLocked()
}

func (t *tokenFile) loadLocked() error {
	t.read = time.Now()
	text, err := os.ReadFile(t.path)
	if err != nil {
		return fmt.Errorf("the tokens cannot be read: %w", err)
	}
	if t.text != nil && bytes.Equal(text, t.text) {
		return nil
	}
	grants, err := parseTokens(text)
	if err != nil {
		return fmt.Errorf("the tokens in %s: %w", t.path, err)
	}
	t.text = text
	t.grants.Store(&grants)
	return nil
}

// refresh reads the file again if that was not done lately. One request at a time does it; the others go on.
func (t *tokenFile) refresh() {
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	if time.Since(t.read) < tokenInterval {
		return
	}
	if err := t.loadLocked(); err != nil {
		t.logger.Error("the tokens stay as they were", "error", err)
	}
}

// find returns what a token grants. It looks at all of them, whichever it is.
func (t *tokenFile) find(token string) (grant, bool) {
	t.refresh()
	digest := sha256.Sum256([]byte(token))
	var found grant
	ok := false
	for _, g := range *t.grants.Load() {
		if subtle.ConstantTimeCompare(g.digest[:], digest[:]) == 1 {
			found, ok = g, true
		}
	}
	return found, ok
}

// authorize returns an error unless the request may be made.
func (t *tokenFile) authorize(r *request) error {
	if t == nil || r.endpoint.right == rightNone {
		return nil
	}
	token, err := bearerToken(r)
	if err != nil {
		return err
	}
	g, ok := t.find(token)
	if !ok {
		return newError(http.StatusUnauthorized, codeUnauthorized, "the token is not known: check it, or ask who runs the cluster for one")
	}
	if g.right < r.endpoint.right {
		return newError(http.StatusForbidden, codeForbidden, "the token of %s has the right to %s, and this needs %s",
			g.name, g.right, r.endpoint.right)
	}
	return nil
}

// bearerToken takes the token from the header; of a stream, which browsers cannot give headers, also from the query.
func bearerToken(r *request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" && r.endpoint.stream {
		if token := r.URL.Query().Get("token"); token != "" {
			return token, nil
		}
	}
	scheme, token, _ := strings.Cut(header, " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", newError(http.StatusUnauthorized, codeUnauthorized, "a token is needed: send the header Authorization: Bearer TOKEN")
	}
	return token, nil
}
