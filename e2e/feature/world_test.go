// Package feature tests one feature of the data plane a file, on the running binary.
package feature

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

const host = "a.example.com"

// world is a gateway with one plain listener and a catch-all route to backend a.
type world struct {
	*harness.Gateway
	t    *testing.T
	port int
	a    *harness.Backend
}

// start runs a gateway; docs are added to the usual ones, and take their place where they name the same object.
func start(t *testing.T, options harness.Options, handler harness.Handler, docs ...string) *world {
	t.Helper()
	w := &world{t: t, port: harness.Port(t), a: harness.NewBackend(t, "a", handler)}
	folder := harness.NewFolder(t)
	folder.Apply(harness.Base(), harness.GatewayDoc("edge", harness.Listener{Name: "http", Port: w.port}), w.a.Service(),
		harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "a", "")))
	folder.Apply(docs...)
	w.Gateway = harness.Run(t, folder, options)
	return w
}

func (w *world) address() string { return harness.Address(w.port) }

// dial opens a connection to the plain listener.
func (w *world) dial() *harness.Client {
	w.t.Helper()
	client, err := harness.Dial(w.address())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	return client
}

// do sends one request on a connection of its own.
func (w *world) do(request harness.Request) *harness.Response {
	w.t.Helper()
	if request.Host == "" {
		request.Host = host
	}
	response, err := harness.Do(w.address(), request)
	if err != nil {
		w.t.Fatalf("%s %s: %v", request.Method, harness.Clip(request.Target), err)
	}
	return response
}

// get is do for a GET.
func (w *world) get(target string) *harness.Response {
	w.t.Helper()
	return w.do(harness.Request{Target: target})
}

// settle waits until a GET of the target is answered with the status (and with the body, unless that is "").
func (w *world) settle(target string, status int, body string) *harness.Response {
	w.t.Helper()
	var last *harness.Response
	harness.WaitFor(w.t, 5*time.Second, fmt.Sprintf("%s to answer %d %s", target, status, body), func() (bool, string) {
		response, err := harness.Do(w.address(), harness.Request{Host: host, Target: target})
		if err != nil {
			return false, err.Error()
		}
		last = response
		return response.Status == status && (body == "" || string(response.Body) == body), response.String()
	})
	return last
}

func exchange(t *testing.T, client *harness.Client, request harness.Request) *harness.Response {
	t.Helper()
	if request.Host == "" {
		request.Host = host
	}
	response, err := client.Exchange(request)
	if err != nil {
		t.Fatalf("%s %s: %v", request.Method, harness.Clip(request.Target), err)
	}
	return response
}

func read(t *testing.T, client *harness.Client, method string) *harness.Response {
	t.Helper()
	response, err := client.Read(method)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func wantStatus(t *testing.T, response *harness.Response, status ...int) {
	t.Helper()
	if !slices.Contains(status, response.Status) {
		t.Fatalf("wanted status %v, got %v", status, response)
	}
}

func wantClosed(t *testing.T, client *harness.Client) {
	t.Helper()
	if rest, closed := client.WaitClosed(2 * time.Second); !closed || len(rest) > 0 {
		t.Fatalf("wanted the connection to be closed: closed %v, further bytes %q", closed, harness.Clip(string(rest)))
	}
}

// logged waits for an access log line with these values: pairs of field and text. A value that begins with ~ is part of the text.
func (w *world) logged(from int, pairs ...string) harness.AccessLine {
	w.t.Helper()
	return w.WaitAccess(w.t, from, fmt.Sprint(pairs), func(line harness.AccessLine) bool {
		for i := 0; i+1 < len(pairs); i += 2 {
			got := line.Text(pairs[i])
			if part, is := strings.CutPrefix(pairs[i+1], "~"); is && strings.Contains(got, part) || got == pairs[i+1] {
				continue
			}
			return false
		}
		return true
	})
}

func field(name, value string) harness.Field { return harness.Field{Name: name, Value: value} }

// within fails unless took lies between the two, the upper one stretched for slow builds.
func within(t *testing.T, what string, took, least, most time.Duration) {
	t.Helper()
	if took < least || took > harness.Scale(most) {
		t.Errorf("%s took %v, wanted between %v and %v", what, took, least, harness.Scale(most))
	}
}
