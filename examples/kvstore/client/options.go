package client

// How a client is made: its options, their defaults, and the connections that all its calls share.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// DefaultTimeout bounds a call, with all its attempts, unless Options.Timeout does.
	DefaultTimeout = 15 * time.Second
	// DefaultAttemptTimeout bounds one attempt of a call unless Options.AttemptTimeout does.
	DefaultAttemptTimeout = 5 * time.Second
	// idleConnections is how many connections to one member are kept open between requests. Callers beyond that number
	// would dial anew for every request.
	idleConnections = 1024
)

// Options tells a client where the members are and how to talk to them.
type Options struct {
	// Endpoints are the URLs of members, such as "http://127.0.0.1:8401"; at least one. They are tried in this order.
	Endpoints []string
	// Token is sent as bearer token with each request, unless it is empty.
	Token string
	// TLS is the configuration of https endpoints; nil trusts the authorities of the system. Not used with HTTPClient.
	TLS *tls.Config
	// Timeout bounds a call with all its attempts; 0 is DefaultTimeout. A context that ends earlier wins. A watch has
	// no end; Timeout bounds how long its beginning may take.
	Timeout time.Duration
	// AttemptTimeout bounds one attempt, after which the next member is tried; 0 is DefaultAttemptTimeout. In the first
	// rounds it is 1.5 s and 3 s at most while other members are left. Changes of the cluster that the leader itself
	// gets are bounded by Timeout alone, since they take their time and are not repeated.
	AttemptTimeout time.Duration
	// MaxAttempts bounds how often a request is sent; 0 is as often as Timeout allows, 1 is without repetition.
	MaxAttempts int
	// Unkeyed leaves out the Idempotency-Key that the client would draw for each write. It costs the cluster less, and a
	// write whose outcome is not known is then not repeated: its error says so.
	Unkeyed bool
	// Discover makes the client ask for the members of the cluster, now and then in the course of its calls, and send
	// its requests to the leader. The endpoints given here stay in use beside those discovered.
	Discover bool
	// HTTPClient replaces the client's own connections; nil lets it make some that are tuned for many callers.
	HTTPClient *http.Client
}

// Client talks to a cluster. Its methods may be called by many goroutines at the same time.
type Client struct {
	options   Options
	http      *http.Client
	owned     *http.Transport // nil if the HTTP client came from outside
	endpoints *endpoints
	// watchSilence is how long a watch waits for the next line before it takes the stream for dead.
	watchSilence time.Duration
}

// New makes a client. It connects to nothing yet; the error is about the options.
func New(options Options) (*Client, error) {
	if len(options.Endpoints) == 0 {
		return nil, errors.New("no endpoints: give the URL of at least one member, such as http://127.0.0.1:8401")
	}
	var urls []string
	for _, endpoint := range options.Endpoints {
		base, err := parseEndpoint(endpoint)
		if err != nil {
			return nil, err
		}
		urls = append(urls, base)
	}
	if options.Timeout < 0 || options.AttemptTimeout < 0 || options.MaxAttempts < 0 {
		return nil, errors.New("a timeout or a number of attempts is negative: 0 gives the default")
	}
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	if options.AttemptTimeout == 0 {
		options.AttemptTimeout = min(DefaultAttemptTimeout, options.Timeout)
	}
	c := &Client{options: options, http: options.HTTPClient, watchSilence: 20 * time.Second}
	c.endpoints = newEndpoints(urls)
	if c.http == nil {
		c.owned = newTransport(options.TLS)
		c.http = &http.Client{Transport: c.owned, CheckRedirect: noRedirect}
	}
	return c, nil
}

// Close closes the idle connections of the client. Calls that are under way go on.
func (c *Client) Close() {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
}

// parseEndpoint checks the URL of a member and brings it into the form in which paths are appended to it.
func parseEndpoint(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("endpoint %q is not a URL: write it like http://127.0.0.1:8401", endpoint)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("endpoint %q has no http or https address: write it like http://127.0.0.1:8401", endpoint)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("endpoint %q has more than an address: write it like http://127.0.0.1:8401", endpoint)
	}
	return u.Scheme + "://" + u.Host, nil
}

func newTransport(config *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   5 * time.Second,
		MaxIdleConns:          0, // no bound over all members
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		ReadBufferSize:        16 << 10,
		WriteBufferSize:       16 << 10,
		DisableCompression:    true,
	}
}

// noRedirect makes a redirect an error: members never send one, and a token must not follow it elsewhere.
func noRedirect(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}
