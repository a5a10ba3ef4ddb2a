package proxy

// The side of the member: dialling through the proxy.

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A DialFunc has the signature of net.Dialer.DialContext.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// errBadURL is returned by Dialer.
var errBadURL = errors.New("not of the form http://ID@HOST:PORT")

// Dialer returns a function that connects through the proxy of the given URL, http://ID@HOST:PORT, where ID is that of
// the member that dials. The context bounds the whole of it: reaching the proxy, and the proxy's reaching the target.
// The function may be called from any goroutine.
func Dialer(proxyURL string) (DialFunc, error) {
	u, err := url.Parse(proxyURL)
	if err != nil {
		return nil, fmt.Errorf("proxy URL: %w", err)
	}
	if u.Scheme != "http" || u.User.Username() == "" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("proxy URL %q: %w", u.Redacted(), errBadURL)
	}
	credentials := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":"))
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, network, u.Host)
		if err != nil {
			return nil, fmt.Errorf("reaching the proxy: %w", err)
		}
		tunnel, err := openTunnel(ctx, conn, addr, credentials)
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("connecting to %s through the proxy: %w", addr, err)
		}
		return tunnel, nil
	}, nil
}

// openTunnel asks for the target. If the context ends while the proxy has not answered, the connection is given up.
func openTunnel(ctx context.Context, conn net.Conn, addr, credentials string) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	request := &http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Opaque: addr},
		Host:   addr,
		Header: http.Header{"Proxy-Authorization": {"Basic " + credentials}},
	}
	reader := bufio.NewReader(conn)
	err := exchange(conn, reader, request)
	if !stop() && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return &tunnelConn{Conn: conn, reader: reader}, nil
}

func exchange(conn net.Conn, reader *bufio.Reader, request *http.Request) error {
	if err := request.Write(conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusOK {
		return nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 512))
	return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(text)))
}

// A tunnelConn reads first what arrived together with the proxy's answer.
type tunnelConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *tunnelConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// CloseWrite ends what this side sends, and leaves what it receives.
func (c *tunnelConn) CloseWrite() error { return closeWrite(c.Conn) }
