package feature

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// pump writes a byte at a time, each after the pause, until the connection ends or the text is over.
func pump(client *harness.Client, text string, pause time.Duration) {
	for i := range len(text) {
		if _, err := client.Conn.Write([]byte{text[i]}); err != nil {
			return
		}
		time.Sleep(pause) // The pace of a slow client is what is tested.
	}
}

func TestHeaderReadTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"header_read_timeout_ms": 500}}, nil)
	for name, send := range map[string]func(*harness.Client){
		"half a head, then silence": func(c *harness.Client) { c.SendText("GET / HTTP/1.1\r\nHost: a") },
		"one byte, then silence":    func(c *harness.Client) { c.SendText("G") },
		"byte by byte": func(c *harness.Client) {
			go pump(c, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 100), 50*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			from := w.Stdout.Len()
			client := w.dial()
			started := time.Now()
			send(client)
			response := read(t, client, "GET")
			within(t, "the answer", time.Since(started), 450*time.Millisecond, 1500*time.Millisecond)
			wantStatus(t, response, 408)
			wantClosed(t, client)
			w.logged(from, "origin", "downstream", "phase", "head", "reason", "header_timeout")
		})
	}
	t.Run("second request of a connection", func(t *testing.T) {
		client := w.dial()
		wantStatus(t, exchange(t, client, harness.Request{}), 200)
		started := time.Now()
		client.SendText("GET / HT")
		wantStatus(t, read(t, client, "GET"), 408)
		within(t, "the answer", time.Since(started), 450*time.Millisecond, 1500*time.Millisecond)
	})
}

// TestDefaultHeaderReadTimeout: 10 s, without any setting.
func TestDefaultHeaderReadTimeout(t *testing.T) {
	t.Parallel()
	w := start(t, harness.Options{}, nil)
	client := w.dial()
	client.Timeout = harness.Scale(20 * time.Second)
	started := time.Now()
	client.SendText("GET / HTTP/1.1\r\n")
	wantStatus(t, read(t, client, "GET"), 408)
	within(t, "the answer", time.Since(started), 9500*time.Millisecond, 12*time.Second)
}

func TestConnectionIdleTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"connection_idle_timeout_ms": 500}}, nil)
	for _, before := range []int{0, 1, 3} {
		client := w.dial()
		for range before {
			wantStatus(t, exchange(t, client, harness.Request{}), 200)
		}
		started := time.Now()
		rest, closed := client.WaitClosed(5 * time.Second)
		within(t, "the close", time.Since(started), 400*time.Millisecond, 1500*time.Millisecond)
		if !closed || len(rest) > 0 {
			t.Errorf("after %d requests: closed %v, bytes %q", before, closed, rest)
		}
	}
	// A request in work isn't idle.
	w.a.Handle(func(x *harness.Exchange) {
		time.Sleep(time.Second) // longer than the timeout
		harness.EchoID(x)
	})
	wantStatus(t, w.get("/slow"), 200)
}

func TestBodyIdleTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"body_idle_timeout_ms": 500}}, nil)
	t.Run("of the client", func(t *testing.T) {
		for _, head := range []string{"Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
			from, before := w.Stdout.Len(), w.a.Count()
			client := w.dial()
			started := time.Now()
			client.SendText("POST /stall HTTP/1.1\r\nHost: " + host + "\r\n" + head)
			wantStatus(t, read(t, client, "POST"), 408)
			within(t, "the answer", time.Since(started), 400*time.Millisecond, 2*time.Second)
			wantClosed(t, client)
			w.logged(from, "path", "/stall", "status", "408", "origin", "downstream", "reason", "body_timeout")
			w.a.WaitSeen(t, before, 1, func(s *harness.Seen) bool { return !s.Complete && s.Err != nil })
		}
	})
	t.Run("progress keeps it alive", func(t *testing.T) {
		client := w.dial()
		client.SendText("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 10\r\n\r\n")
		if err := client.Sent(); err != nil {
			t.Fatal(err)
		}
		go pump(client, "helloworld", 150*time.Millisecond)
		wantStatus(t, read(t, client, "POST"), 200)
	})
}

func TestRequestTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"request_timeout_ms": 500}}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		x.Gone(10 * time.Second)
		x.Close()
	})
	from := w.Stdout.Len()
	started := time.Now()
	wantStatus(t, w.get("/slow"), 504)
	within(t, "the answer", time.Since(started), 450*time.Millisecond, 1500*time.Millisecond)
	w.logged(from, "path", "/slow", "status", "504", "origin", "gateway", "reason", "request_timeout")
}

func TestResponseHeadTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"response_head_timeout_ms": 500}}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		if x.Target == "/half" {
			_ = x.WriteText("HTTP/1.1 200 OK\r\nX-A:")
		}
		if x.Target == "/body" {
			_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
			time.Sleep(time.Second) // longer than the timeout, which the body isn't under
			_ = x.WriteText("hello")
			return
		}
		x.Gone(10 * time.Second)
		x.Close()
	})
	for _, target := range []string{"/none", "/half"} {
		from := w.Stdout.Len()
		started := time.Now()
		wantStatus(t, w.get(target), 504)
		within(t, "the answer", time.Since(started), 450*time.Millisecond, 1500*time.Millisecond)
		w.logged(from, "path", target, "status", "504", "origin", "upstream", "reason", "response_timeout")
	}
	if response := w.get("/body"); string(response.Body) != "hello" {
		t.Errorf("%v", response)
	}
}

func TestRouteTimeouts(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		x.Gone(10 * time.Second)
		x.Close()
	}, harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/request", "a", "timeouts: {request: 300ms}")+
		harness.PrefixRule("/try", "a", "timeouts: {request: 10s, backendRequest: 300ms}")))
	for target, reason := range map[string]string{"/request": "request_timeout", "/try": "backend_request_timeout"} {
		from := w.Stdout.Len()
		started := time.Now()
		wantStatus(t, w.get(target), 504)
		within(t, "the answer", time.Since(started), 250*time.Millisecond, 1500*time.Millisecond)
		w.logged(from, "path", target, "status", "504", "origin", "gateway", "reason", reason)
	}
}

// stuffed is a port whose queue of connections is full, so that connecting to it hangs.
func stuffed(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	for range 20 {
		conn, err := net.DialTimeout("tcp", harness.Address(port), 200*time.Millisecond)
		if err != nil {
			return port
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue doesn't fill")
	return 0
}

func TestConnectTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"connect_timeout_ms": 500}}, nil, harness.ServiceDoc("stuck", stuffed(t), "127.0.0.1"),
		harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", "stuck", "")))
	from := w.Stdout.Len()
	started := time.Now()
	wantStatus(t, w.get("/x"), 504)
	within(t, "the answer", time.Since(started), 400*time.Millisecond, 3*time.Second)
	w.logged(from, "path", "/x", "status", "504", "origin", "upstream", "phase", "connect", "reason", "connect_timeout")
}

func TestMaxRequestsPerConnection(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"max_requests_per_connection": 3}}, nil)
	client := w.dial()
	for n := 1; n <= 3; n++ {
		response := exchange(t, client, harness.Request{})
		wantStatus(t, response, 200)
		if response.Closing() != (n == 3) {
			t.Errorf("answer %d: closing is %v", n, response.Closing())
		}
	}
	wantClosed(t, client)
}

func TestMaxConnectionAge(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"max_connection_age_ms": 500}}, nil)
	client := w.dial()
	started := time.Now()
	for {
		response := exchange(t, client, harness.Request{})
		wantStatus(t, response, 200)
		if response.Closing() {
			break
		}
		if time.Since(started) > harness.Scale(5*time.Second) {
			t.Fatal("the connection doesn't end")
		}
		time.Sleep(10 * time.Millisecond) // the pace of requests
	}
	within(t, "the end by age", time.Since(started), 400*time.Millisecond, 2*time.Second)
	wantClosed(t, client)
}

func TestMaxConnections(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"max_connections": 5}}, nil)
	var clients []*harness.Client
	for range 5 {
		client := w.dial()
		wantStatus(t, exchange(t, client, harness.Request{}), 200)
		clients = append(clients, client)
	}
	from := w.Stdout.Len()
	extra := w.dial()
	extra.Send(harness.Request{Host: host}.Bytes())
	if response, err := extra.Read("GET"); err == nil && response.Status != 503 {
		t.Fatalf("a connection too many got %v", response)
	}
	if _, closed := extra.WaitClosed(2 * time.Second); !closed {
		t.Errorf("the connection too many stays open")
	}
	w.logged(from, "origin", "gateway", "reason", "too_many_connections")
	for _, client := range clients {
		wantStatus(t, exchange(t, client, harness.Request{}), 200)
	}
	clients[0].Close()
	w.settle("/", 200, "a")
}

func TestTLSHandshakeTimeout(t *testing.T) {
	s := startTLS(t, harness.Options{Limits: map[string]int{"tls_handshake_timeout_ms": 500}})
	for name, bytes := range map[string]string{"silence": "", "half a hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
		t.Run(name, func(t *testing.T) {
			from := s.Stdout.Len()
			client, err := harness.Dial(harness.Address(s.securePort))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			started := time.Now()
			client.SendText(bytes)
			_, closed := client.WaitClosed(5 * time.Second)
			within(t, "the close", time.Since(started), 400*time.Millisecond, 2*time.Second)
			if !closed {
				t.Errorf("the connection stays open")
			}
			s.logged(from, "kind", "connection", "origin", "downstream", "phase", "tls", "reason", "tls_timeout")
		})
	}
}

// TestUploadLongerThanTheHeadTimeout: an endpoint owes its answer from the end of the request on.
func TestUploadLongerThanTheHeadTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"response_head_timeout_ms": 500}}, nil)
	client := w.dial()
	client.SendText("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 10\r\n\r\n")
	if err := client.Sent(); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	go pump(client, "helloworld", 150*time.Millisecond)
	wantStatus(t, read(t, client, "POST"), 200)
	if took := time.Since(started); took < time.Second {
		t.Errorf("the upload took %v only: nothing was tested", took)
	}
}

// TestAnswerThatPauses: a silence in an answer is bounded by response_idle_timeout_ms, and not by what bounds clients.
func TestAnswerThatPauses(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"body_idle_timeout_ms": 300, "response_idle_timeout_ms": 1500}}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
		if x.Target == "/stuck" {
			x.Gone(10 * time.Second)
			x.Close()
			return
		}
		time.Sleep(800 * time.Millisecond) // longer than the first, shorter than the second
		_ = x.WriteText("world")
	})
	if response := w.get("/pauses"); string(response.Body) != "helloworld" || response.Truncated {
		t.Errorf("%v", response)
	}
	from := w.Stdout.Len()
	started := time.Now()
	if response := w.get("/stuck"); !response.Truncated {
		t.Errorf("%v", response)
	}
	within(t, "the end", time.Since(started), 1300*time.Millisecond, 3*time.Second)
	w.logged(from, "path", "/stuck", "origin", "upstream", "phase", "body", "reason", "response_truncated")
}

// TestTunnelOutlivesTheRequestTimeout: timeouts of requests don't end a WebSocket.
func TestTunnelOutlivesTheRequestTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"request_timeout_ms": 300, "body_idle_timeout_ms": 300, "connection_idle_timeout_ms": 300, "response_head_timeout_ms": 300}}, switching(echo))
	client := w.dial()
	wantStatus(t, exchange(t, client, handshake("/")), 101)
	client.Timeout = harness.Scale(5 * time.Second)
	if client.Pending(harness.Scale(time.Second)) {
		t.Fatal("the tunnel ended, or bytes came, without anyone sending")
	}
	client.SendText("ping")
	if back, err := client.ReadRaw(4); string(back) != "ping" {
		t.Errorf("%q %v after a silence of a second", back, err)
	}
}
