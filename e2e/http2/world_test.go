// Package http2 speaks HTTP/2 to the gateway by raw frames: what a client may do, and what it must not get away with.
package http2

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"portreeve.dev/e2e/harness"
)

const host = "a.example.com"

// world is a gateway with a plain port and a TLS port, both to backend a.
type world struct {
	*harness.Gateway
	t            *testing.T
	plain        int
	securePort   int
	a            *harness.Backend
	secureScheme bool
}

func start(t *testing.T, options harness.Options, handler harness.Handler, docs ...string) *world {
	t.Helper()
	w := &world{t: t, plain: harness.Port(t), securePort: harness.Port(t), a: harness.NewBackend(t, "a", handler)}
	certificate := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"*.example.com", "localhost"}})
	folder := harness.NewFolder(t)
	folder.Apply(harness.Base(), w.a.Service(), harness.SecretDoc("tls", certificate),
		harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.plain}, harness.Listener{Name: "https", Port: w.securePort, Secrets: []string{"tls"}}),
		harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "a", "")))
	folder.Apply(docs...)
	w.Gateway = harness.Run(t, folder, options)
	return w
}

// both runs a test over TLS and over prior knowledge.
func (w *world) both(t *testing.T, test func(t *testing.T, w *world)) {
	for name, secure := range map[string]bool{"tls": true, "h2c": false} {
		t.Run(name, func(t *testing.T) {
			test(t, &world{Gateway: w.Gateway, t: t, plain: w.plain, securePort: w.securePort, a: w.a, secureScheme: secure})
		})
	}
}

func (w *world) tryDial(options harness.H2Options) (*harness.H2, error) {
	if w.secureScheme {
		return harness.DialH2(harness.Address(w.securePort), host, options)
	}
	return harness.DialH2(harness.Address(w.plain), "", options)
}

func (w *world) dial(options harness.H2Options) *harness.H2 {
	w.t.Helper()
	c, err := w.tryDial(options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) fields(method, path string, more ...harness.Field) []hpack.HeaderField {
	scheme := "http"
	if w.secureScheme {
		scheme = "https"
	}
	return harness.H2Fields(scheme, method, host, path, more...)
}

func (w *world) do(c *harness.H2, body []byte, fields ...hpack.HeaderField) *harness.H2Stream {
	w.t.Helper()
	s, err := c.Do(body, fields...)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func field(name, value string) harness.Field { return harness.Field{Name: name, Value: value} }

func wantStatus(t *testing.T, s *harness.H2Stream, status int) {
	t.Helper()
	if s.Status != status || s.Reset || !s.Ended {
		t.Fatalf("wanted status %d, got %v", status, s)
	}
}

// proc reads what the process has used.
type usage struct {
	rss int
	cpu time.Duration
}

func (w *world) usage() usage {
	w.t.Helper()
	var u usage
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Pid()))
	if err != nil {
		w.t.Fatalf("the gateway is gone: %v", err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, is := strings.CutPrefix(line, "VmRSS:"); is {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			u.rss = kib << 10
		}
	}
	text, err = os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.Pid()))
	if err != nil {
		w.t.Fatal(err)
	}
	parts := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(parts[11])
	system, _ := strconv.Atoi(parts[12])
	u.cpu = time.Duration(user+system) * 10 * time.Millisecond
	return u
}
