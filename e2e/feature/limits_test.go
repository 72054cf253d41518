package feature

import (
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/harness"
)

// edge finds the largest size that is let through, between low (which must be) and high (which mustn't).
func edge(t *testing.T, low, high int, passes func(size int) bool) int {
	t.Helper()
	if !passes(low) {
		t.Fatalf("size %d isn't let through", low)
	}
	if passes(high) {
		t.Fatalf("size %d is let through", high)
	}
	for high-low > 1 {
		middle := (low + high) / 2
		if passes(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// atLimit checks limit-1, limit and limit+1, and the reason that is logged and counted when it fires.
func (w *world) atLimit(what string, limit, slack, status int, reason string, send func(size int) *harness.Response) {
	w.t.Helper()
	passes := func(size int) bool {
		response := send(size)
		if response.Status != 200 && response.Status != status {
			w.t.Fatalf("%s of %d: %v", what, size, response)
		}
		return response.Status == 200
	}
	last := edge(w.t, limit-2*slack-2, limit+2*slack+2, passes)
	if last < limit-slack || last > limit+slack {
		w.t.Errorf("%s: the last size that passes is %d, the limit is %d (± %d for what is counted)", what, last, limit, slack)
	}
	if !passes(last-1) || !passes(last) || passes(last+1) {
		w.t.Errorf("%s: the limit isn't sharp at %d", what, last)
	}
	before := w.Metrics(w.t).Sum("portreeve_responses_total", `reason="`+reason+`"`)
	from := w.Stdout.Len()
	send(last + 1)
	w.logged(from, "status", fmt.Sprint(status), "reason", reason)
	if after := w.Metrics(w.t).Sum("portreeve_responses_total", `reason="`+reason+`"`); after != before+1 {
		w.t.Errorf("%s: portreeve_responses_total{reason=%q} went from %v to %v", what, reason, before, after)
	}
}

// raw sends bytes on a connection of their own.
func (w *world) raw(bytes string) *harness.Response {
	w.t.Helper()
	client := w.dial()
	defer client.Close()
	client.SendText(bytes)
	return read(w.t, client, "GET")
}

func TestRequestLimits(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	t.Run("header block", func(t *testing.T) {
		w := &world{Gateway: w.Gateway, t: t, port: w.port, a: w.a}
		send := func(size int) *harness.Response {
			// Field lines with their line ends; five of them, and the rest in the last.
			fields := "Host: " + host + "\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 6000)+"\r\n", 4)
			rest := size - len(fields) - len("X-B: \r\n")
			return w.raw("GET / HTTP/1.1\r\n" + fields + "X-B: " + strings.Repeat("b", rest) + "\r\n\r\n")
		}
		w.atLimit("header block", 32768, 300, 431, "header_too_large", send)
	})
	t.Run("fields", func(t *testing.T) {
		w := &world{Gateway: w.Gateway, t: t, port: w.port, a: w.a}
		w.atLimit("fields", 100, 0, 431, "too_many_headers", func(count int) *harness.Response {
			return w.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\n" + strings.Repeat("X-A: 1\r\n", count-1) + "\r\n")
		})
	})
	t.Run("request line", func(t *testing.T) {
		w := &world{Gateway: w.Gateway, t: t, port: w.port, a: w.a}
		w.atLimit("request line", 8192, 4, 414, "target_too_long", func(size int) *harness.Response {
			return w.raw("GET /" + strings.Repeat("a", size-len("GET / HTTP/1.1")) + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		})
		if response := w.raw("GET /" + strings.Repeat("a", 200000) + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"); response.Status != 414 {
			t.Errorf("a target of 200,000 bytes: %v", response)
		}
	})
	t.Run("method", func(t *testing.T) {
		w := &world{Gateway: w.Gateway, t: t, port: w.port, a: w.a}
		w.atLimit("method", 32, 0, 501, "method_not_supported", func(size int) *harness.Response {
			return w.raw(strings.Repeat("M", size) + " / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		})
	})
	t.Run("one huge field", func(t *testing.T) {
		for _, size := range []int{40000, 70000, 1 << 20} {
			response := w.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\nX-A: " + strings.Repeat("a", size) + "\r\n\r\n")
			wantStatus(t, response, 431)
			if !response.Closing() {
				t.Errorf("after a head that wasn't read to its end the connection stays open")
			}
		}
	})
	t.Run("cookies are counted", func(t *testing.T) {
		wantStatus(t, w.raw("GET / HTTP/1.1\r\nHost: "+host+"\r\n"+strings.Repeat("Cookie: a=b\r\n", 100)+"\r\n"), 431)
	})
}

func TestLimitsAreSettings(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"header_bytes": 1000, "header_count": 5, "request_line_bytes": 100, "method_bytes": 5}}, nil)
	wantStatus(t, w.raw("GET / HTTP/1.1\r\nHost: "+host+"\r\nX-A: "+strings.Repeat("a", 2000)+"\r\n\r\n"), 431)
	wantStatus(t, w.raw("GET / HTTP/1.1\r\nHost: "+host+"\r\n"+strings.Repeat("X-A: 1\r\n", 5)+"\r\n"), 431)
	wantStatus(t, w.raw("GET /"+strings.Repeat("a", 200)+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n"), 414)
	wantStatus(t, w.raw("MMMMMM / HTTP/1.1\r\nHost: "+host+"\r\n\r\n"), 501)
	wantStatus(t, w.raw("GET / HTTP/1.1\r\nHost: "+host+"\r\n"+strings.Repeat("X-A: 1\r\n", 4)+"\r\n"), 200)
}

func TestUnknownLimitIsRefused(t *testing.T) {
	folder := harness.NewFolder(t)
	for _, limit := range []string{"nonsense=1", "header_bytes", "header_bytes=x", "header_bytes=-1", "=5"} {
		_, stderr, code := harness.RunCommand(t, 10e9, "portreeve", "run", "--limit", limit, "--admin", "127.0.0.1:1", folder.Path)
		if code == 0 || !strings.Contains(stderr, "limit") {
			t.Errorf("--limit %s: exit code %d, %q", limit, code, stderr)
		}
	}
}

func TestResponseLimits(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() != nil {
			return
		}
		var size, count int
		if n, _ := fmt.Sscanf(x.Target, "/size/%d", &size); n == 1 {
			fields := "Content-Length: 0\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 9000)+"\r\n", 5)
			rest := size - len(fields) - len("X-B: \r\n")
			_ = x.WriteText("HTTP/1.1 200 OK\r\n" + fields + "X-B: " + strings.Repeat("b", rest) + "\r\n\r\n")
		} else if n, _ := fmt.Sscanf(x.Target, "/count/%d", &count); n == 1 {
			_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + strings.Repeat("X-A: 1\r\n", count-1) + "\r\n")
		}
	})
	w.atLimit("response head", 49152, 300, 502, "response_too_large", func(size int) *harness.Response { return w.get(fmt.Sprintf("/size/%d", size)) })
	w.atLimit("response fields", 200, 0, 502, "response_too_large", func(count int) *harness.Response { return w.get(fmt.Sprintf("/count/%d", count)) })
}
