package feature

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"portreeve.dev/e2e/harness"
)

// TestRetryOnAReusedConnectionThatClosed: one more try, on a new connection.
func TestRetryOnAReusedConnectionThatClosed(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Nth > 0 {
			x.Close() // the second request of a connection is never answered
			return
		}
		harness.EchoID(x)
	})
	client := w.dial()
	for n := range 20 {
		from := w.Stdout.Len()
		target := fmt.Sprintf("/retry/%d", n)
		response := exchange(t, client, harness.Request{Target: target, Fields: harness.Fields{field("X-Id", fmt.Sprint(n))}})
		if string(response.Body) != fmt.Sprintf("id=%d", n) {
			t.Fatalf("request %d: %v", n, response)
		}
		if n == 1 {
			if line := w.logged(from, "path", target, "status", "200"); line.Text("attempts") != "2" {
				t.Errorf("attempts: %v", line)
			}
		}
	}
	if got := w.Metrics(t).Sum("portreeve_retries_total"); got < 1 {
		t.Errorf("portreeve_retries_total %v", got)
	}
}

// TestOnlyOneRetry: a backend that always closes gets a request twice at most, and on a fresh connection once.
func TestOnlyOneRetry(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if strings.HasPrefix(x.Target, "/close") {
			x.Close()
			return
		}
		harness.EchoID(x)
	})
	for n, warm := range []bool{false, true} {
		if warm {
			wantStatus(t, w.get("/warm"), 200)
		}
		before := w.a.Count()
		target := fmt.Sprintf("/close/%d", n)
		wantStatus(t, w.get(target), 502)
		tries := 0
		for _, seen := range w.a.Seen(before) {
			if seen.Target == target {
				tries++
			}
		}
		if tries < 1 || tries > 2 {
			t.Errorf("%d tries", tries)
		}
	}
}

// TestNoRetryOnceAnAnswerHasBegun: half an answer isn't thrown away for another try.
func TestNoRetryOnceAnAnswerHasBegun(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Target == "/half" {
			_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-")
			x.Close()
			return
		}
		harness.EchoID(x)
	})
	wantStatus(t, w.get("/warm"), 200)
	before := w.a.Count()
	wantStatus(t, w.get("/half"), 502)
	if n := w.a.Count() - before; n != 1 {
		t.Errorf("%d tries", n)
	}
}

// TestPostIsNotSentTwice: a request that a backend may have acted on isn't repeated.
func TestPostIsNotSentTwice(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Method == "POST" {
			_ = x.ReadBody()
			x.Abort()
			return
		}
		harness.EchoID(x)
	})
	for n := range 10 {
		wantStatus(t, w.get("/warm"), 200)
		before := w.a.Count()
		wantStatus(t, w.do(harness.Request{Method: "POST", Target: fmt.Sprintf("/%d", n), Body: []byte("pay")}), 502)
		if n := w.a.Count() - before; n != 1 {
			t.Fatalf("the backend got the POST %d times", n)
		}
	}
}

func TestGatewayErrors(t *testing.T) {
	refused := harness.Port(t)
	w := start(t, harness.Options{}, nil, harness.ServiceDoc("empty", 1), harness.ServiceDoc("refused", refused, "127.0.0.1"),
		harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/empty", "empty", "")+harness.PrefixRule("/refused", "refused", "")+harness.PrefixRule("/ghost", "ghost", "")+
			harness.PrefixRule("/zero", "", "backendRefs: [{name: a, port: 80, weight: 0}]")+harness.PrefixRule("/port", "", "backendRefs: [{name: a, port: 81}]")))
	for target, status := range map[string]int{"/empty": 503, "/refused": 502, "/ghost": 500, "/zero": 500, "/port": 500, "/none": 404} {
		client := w.dial()
		for range 3 {
			response := exchange(t, client, harness.Request{Target: target})
			wantStatus(t, response, status)
			if response.Closing() {
				t.Errorf("%s: the connection isn't kept", target)
			}
		}
		// The body of a request that is answered early doesn't become a request.
		response := exchange(t, client, harness.Request{Method: "POST", Target: target, Body: []byte("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")})
		wantStatus(t, response, status)
		if !response.Closing() {
			wantStatus(t, exchange(t, client, harness.Request{Target: target}), status)
		}
	}
	if w.a.Count() != 0 {
		t.Errorf("the backend got %v", w.a.Seen(0))
	}
}

// TestBalancing: three endpoints share the requests, and one that refuses is passed over by a retry or answered with 502.
func TestBalancing(t *testing.T) {
	b, c := harness.NewBackend(t, "b", nil), harness.NewBackend(t, "c", nil)
	w := start(t, harness.Options{}, nil, harness.SliceDoc("a-2", "a", b.Port, b.Address), harness.SliceDoc("a-3", "a", c.Port, c.Address))
	tally := map[string]int{}
	for range 300 {
		tally[string(w.get("/").Body)]++
	}
	for _, name := range []string{"a", "b", "c"} {
		if tally[name] < 80 || tally[name] > 120 {
			t.Errorf("shares %v, want about 100 each", tally)
		}
	}
}

// TestIPv6Endpoint is about brackets and families.
func TestIPv6Endpoint(t *testing.T) {
	six := harness.NewBackendOn(t, "six", "::1", nil)
	w := start(t, harness.Options{}, nil, six.Service(), harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "six", "")))
	if response := w.get("/"); string(response.Body) != "six" {
		t.Errorf("%v", response)
	}
}

// TestEndpointsComeAndGo: no request fails while endpoints change, and a removed one gets none.
func TestEndpointsComeAndGo(t *testing.T) {
	b := harness.NewBackend(t, "b", nil)
	w := start(t, harness.Options{}, nil)
	stop := make(chan struct{})
	var running sync.WaitGroup
	var mu sync.Mutex
	var failures []string
	for range 2 {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				response, err := harness.Do(w.address(), harness.Request{Host: host})
				if err != nil || response.Status != 200 {
					mu.Lock()
					failures = append(failures, fmt.Sprint(response, err))
					mu.Unlock()
				}
			}
		})
	}
	for n := range 20 {
		if n%2 == 0 {
			w.Folder.Apply(harness.ServiceDoc("a", b.Port, b.Address))
			w.settle("/", 200, "b")
		} else {
			w.Folder.Apply(harness.ServiceDoc("a", w.a.Port, w.a.Address))
			w.settle("/", 200, "a")
		}
	}
	close(stop)
	running.Wait()
	if len(failures) > 0 {
		t.Errorf("%d requests failed, the first: %s", len(failures), failures[0])
	}
	before := b.Count()
	for range 50 {
		wantStatus(t, w.get("/"), 200)
	}
	if n := b.Count() - before; n != 0 {
		t.Errorf("an endpoint that is gone got %d requests", n)
	}
}

// TestBackendRestart: connections to a backend that went away don't spoil requests once it is back.
func TestBackendRestart(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	for range 5 {
		wantStatus(t, w.get("/"), 200)
	}
	port := w.a.Port
	w.a.Close()
	w.settle("/", 502, "")
	again := harness.NewBackendOn(t, "again", fmt.Sprintf("127.0.0.1:%d", port), nil)
	w.settle("/", 200, "again")
	for range 20 {
		wantStatus(t, w.get("/"), 200)
	}
	again.CloseConns()
	for range 20 {
		wantStatus(t, w.get("/"), 200)
	}
}
