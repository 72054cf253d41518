package world

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"portreeve.dev/e2e/harness"
)

// Request is one from the cluster's network.
type Request struct {
	// "" is GET.
	Method string
	// Where the connection goes, "10.89.1.0" or "10.89.1.0:8080". Without a port: 80, or 443 with Trust.
	To string
	// Host and SNI; "" is the address.
	Host string
	// With query; "" is "/".
	Path    string
	Headers map[string]string
	Body    string
	// HTTPS, by one of these certificates.
	Trust []*harness.Certificate
}

func (r Request) url() *url.URL {
	at := &url.URL{Scheme: "http", Host: r.Host, Path: "/"}
	if len(r.Trust) > 0 {
		at.Scheme = "https"
	}
	if r.Host == "" {
		at.Host = r.To
	}
	if r.Path != "" {
		path, query, _ := strings.Cut(r.Path, "?")
		at.Opaque, at.RawQuery = "//"+at.Host+path, query
	}
	return at
}

func (r Request) address() string {
	if _, _, err := net.SplitHostPort(r.To); err == nil {
		return r.To
	}
	if len(r.Trust) > 0 {
		return net.JoinHostPort(r.To, "443")
	}
	return net.JoinHostPort(r.To, "80")
}

func (r Request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

func (r Request) String() string {
	return fmt.Sprintf("%s %s at %s %v", r.method(), r.url(), r.address(), r.Headers)
}

// Answer is what came, or why nothing did.
type Answer struct {
	Err    error
	Status int
	Header http.Header
	Body   string
	// The certificate that was shown, for HTTPS.
	TLS *tls.ConnectionState

	// What the demo backend says of itself and of the request that reached it.
	Backend string
	Method  string
	Target  string
	Headers map[string]string

	// X-Request-Id of the request: the access log has its line under it.
	ID    string
	Begun time.Time
	Took  time.Duration
}

func (a Answer) String() string {
	if a.Err != nil {
		return fmt.Sprintf("%v after %v (request %s)", a.Err, a.Took.Round(time.Millisecond), a.ID)
	}
	return fmt.Sprintf("%d after %v (request %s) %v %s", a.Status, a.Took.Round(time.Millisecond), a.ID, a.Header, strings.TrimSpace(a.Body))
}

// Bodies are kept so far.
const keptBody = 1 << 20

// Client is an HTTP client whose connections go from the cluster's network to one address. It follows no redirects.
func (w *World) Client(r Request, keepAlive bool) *http.Client {
	transport := w.Transport()
	address := r.address()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) { return w.Dial(ctx, network, address) }
	transport.DisableKeepAlives = !keepAlive
	transport.DisableCompression = true
	transport.MaxIdleConnsPerHost = 512
	if len(r.Trust) > 0 {
		pool := r.Trust[0].Pool()
		for _, more := range r.Trust[1:] {
			pool.AddCert(more.Leaf)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{Transport: transport, Timeout: harness.Scale(20 * time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Ask sends one request on a connection of its own.
func (w *World) Ask(r Request) Answer {
	return ask(context.Background(), w.Client(r, false), r)
}

func ask(ctx context.Context, client *http.Client, r Request) (answer Answer) {
	answer.ID, answer.Begun = newID(), time.Now()
	defer func() { answer.Took = time.Since(answer.Begun) }()
	request := (&http.Request{Method: r.method(), URL: r.url(), Header: http.Header{}}).WithContext(ctx)
	if r.Body != "" {
		request.Body, request.ContentLength = io.NopCloser(strings.NewReader(r.Body)), int64(len(r.Body))
	}
	request.Header.Set("X-Request-Id", answer.ID)
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		answer.Err = err
		return answer
	}
	defer response.Body.Close()
	answer.Status, answer.Header, answer.TLS = response.StatusCode, response.Header, response.TLS
	text, err := io.ReadAll(io.LimitReader(response.Body, keptBody))
	answer.Body = string(text)
	if err != nil {
		answer.Err = fmt.Errorf("status %d, then the body: %w", response.StatusCode, err)
		return answer
	}
	var seen struct {
		Backend, Method, Target string
		Headers                 map[string]string
	}
	if json.Unmarshal(text, &seen) == nil {
		answer.Backend, answer.Method, answer.Target, answer.Headers = seen.Backend, seen.Method, seen.Target, seen.Headers
	}
	return answer
}
