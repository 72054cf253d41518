package http2

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"portreeve.dev/e2e/harness"
)

func TestLimits(t *testing.T) {
	start(t, harness.Options{}, nil).both(t, func(t *testing.T, w *world) {
		many := func(n int) []harness.Field {
			var fields []harness.Field
			for i := range n {
				fields = append(fields, field(fmt.Sprintf("x-%d", i), "1"))
			}
			return fields
		}
		crumbs := func(n int) []harness.Field {
			var fields []harness.Field
			for range n {
				fields = append(fields, field("cookie", "a=b"))
			}
			return fields
		}
		c := w.dial(harness.H2Options{})
		wantStatus(t, w.do(c, nil, w.fields("GET", "/", many(90)...)...), 200)
		refused := func(what string, status int, fields ...hpack.HeaderField) {
			t.Helper()
			before := w.a.Count()
			c := w.dial(harness.H2Options{})
			s, err := c.Do(nil, fields...)
			if err == nil && s.Status != status && !s.Reset || err != nil && !c.Gone() {
				t.Errorf("%s: %v %v", what, s, err)
			}
			if w.a.Count() != before {
				t.Errorf("%s: it reached the backend", what)
			}
		}
		refused("102 fields", 431, w.fields("GET", "/", many(102)...)...)
		refused("102 crumbs", 431, w.fields("GET", "/", crumbs(102)...)...)
		refused("1000 fields", 431, w.fields("GET", "/", many(1000)...)...)
		refused("33 KiB", 431, w.fields("GET", "/", field("x-a", strings.Repeat("a", 33<<10)))...)
		refused("100 KiB", 431, w.fields("GET", "/", field("x-a", strings.Repeat("a", 100<<10)))...)
		refused("a long path", 414, w.fields("GET", "/"+strings.Repeat("a", 9000))...)
		refused("a long method", 501, w.fields(strings.Repeat("M", 33), "/")...)
	})
}

// TestBadRequests: what isn't a request never reaches a backend, and the next stream does.
func TestBadRequests(t *testing.T) {
	h := func(pairs ...string) []hpack.HeaderField {
		var fields []hpack.HeaderField
		for i := 0; i < len(pairs); i += 2 {
			fields = append(fields, hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
		}
		return fields
	}
	start(t, harness.Options{}, harness.EchoID).both(t, func(t *testing.T, w *world) {
		scheme := map[bool]string{true: "https", false: "http"}[w.secureScheme]
		good := []string{":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/"}
		with := func(more ...string) []hpack.HeaderField { return h(append(append([]string{}, good...), more...)...) }
		for name, fields := range map[string][]hpack.HeaderField{
			"no method": h(":scheme", scheme, ":authority", host, ":path", "/"), "no path": h(":method", "GET", ":scheme", scheme, ":authority", host), "no scheme": h(":method", "GET", ":authority", host, ":path", "/"),
			"no authority": h(":method", "GET", ":scheme", scheme, ":path", "/"), "empty path": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", ""), "path without a slash": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "x"),
			"absolute path": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "http://"+host+"/"), "two methods": with(":method", "GET"), "two paths": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/", ":path", "/x"),
			"two authorities": h(":method", "GET", ":scheme", scheme, ":authority", host, ":authority", host, ":path", "/"), "unknown pseudo field": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/", ":x", "y"),
			"pseudo field late": append(with("x-a", "1"), hpack.HeaderField{Name: ":path", Value: "/x"}), "status": with(":status", "200"), "upper case": with("X-A", "1"), "connection": with("connection", "close"), "transfer-encoding": with("transfer-encoding", "chunked"), "keep-alive": with("keep-alive", "timeout=5"),
			"upgrade": with("upgrade", "h2c"), "proxy-connection": with("proxy-connection", "x"), "te": with("te", "gzip"), "CR in a value": with("x-a", "a\rb"), "LF in a value": with("x-a", "a\nb"), "CRLF in a value": with("x-a", "a\r\nX-Evil: 1"), "NUL in a value": with("x-a", "a\x00b"), "space in a name": with("x a", "1"), "colon in a name": with("x:a", "1"),
			"CRLF in a name": with("x\r\nevil", "1"), "empty name": with("", "1"), "another host": with("host", "evil.example.com"), "two hosts": with("host", host, "host", host), "space in the path": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/a b"), "CRLF in the path": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/ HTTP/1.1\r\nHost: x\r\n\r\n"),
			"NUL in the path": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/%00"), "backslash": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/\\x"), "fragment": h(":method", "GET", ":scheme", scheme, ":authority", host, ":path", "/x#y"), "space in the method": h(":method", "GET /smuggled HTTP/1.1", ":scheme", scheme, ":authority", host, ":path", "/"),
			"userinfo": h(":method", "GET", ":scheme", scheme, ":authority", "user@"+host, ":path", "/"), "bad authority": h(":method", "GET", ":scheme", scheme, ":authority", "a/b", ":path", "/"), "two lengths": with("content-length", "0", "content-length", "5"), "bad length": with("content-length", "+5"), "length list": with("content-length", "0, 0"), "underscore": with("x_a", "1"), "two authorizations": with("authorization", "Basic a", "authorization", "Basic b"),
			"CONNECT": h(":method", "CONNECT", ":authority", host+":80"), "CONNECT websocket": h(":method", "CONNECT", ":protocol", "websocket", ":scheme", scheme, ":authority", host, ":path", "/"), "leading blank": with("x-a", " b\x00"), "scheme": h(":method", "GET", ":scheme", "h\r\n", ":authority", host, ":path", "/"),
		} {
			before := w.a.Count()
			c := w.dial(harness.H2Options{})
			s, err := c.Do(nil, fields...)
			if err == nil && !s.Reset && (s.Status < 400 || s.Status > 501) || err != nil && !c.Gone() {
				t.Errorf("%s: %v %v", name, s, err)
			}
			if !c.Gone() {
				wantStatus(t, w.do(c, nil, w.fields("GET", "/next", field("x-id", "next"))...), 200)
			}
			for _, seen := range w.a.Seen(before) {
				if seen.Target != "/next" {
					t.Errorf("%s: it reached the backend: %s", name, seen.String())
				}
			}
			c.Close()
		}
		// A body of another length than announced is never complete at the backend.
		for _, c := range []struct{ length, body string }{{"10", "hello"}, {"3", "hello"}, {"0", "hello"}, {"5", ""}} {
			before := w.a.Count()
			conn := w.dial(harness.H2Options{})
			s, err := conn.Do([]byte(c.body), w.fields("POST", "/", field("content-length", c.length))...)
			if err == nil && !s.Reset && s.Status < 400 {
				t.Errorf("length %s, body %q: %v", c.length, c.body, s)
			}
			for _, seen := range w.a.Seen(before) {
				if seen.Complete && c.length != "0" {
					t.Errorf("length %s, body %q: a complete request at the backend: %s", c.length, c.body, seen.String())
				}
			}
		}
	})
}

func TestMisdirected(t *testing.T) {
	certificate := harness.NewCertificate(t, harness.CertificateSpec{DNSNames: []string{"*.example.com"}})
	port := harness.Port(t)
	w := start(t, harness.Options{}, nil, harness.SecretDoc("own", certificate), harness.GatewayDoc("two", harness.Listener{Name: "one", Port: port, Hostname: "a.example.com", Secrets: []string{"own"}},
		harness.Listener{Name: "two", Port: port, Hostname: "b.example.com", Secrets: []string{"own"}}), harness.RouteDoc("two", "two", "", nil, harness.PrefixRule("/", "a", "")))
	c, err := harness.DialH2(harness.Address(port), "a.example.com", harness.H2Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	wantStatus(t, w.do(c, nil, harness.H2Fields("https", "GET", "a.example.com", "/")...), 200)
	wantStatus(t, w.do(c, nil, harness.H2Fields("https", "GET", "b.example.com", "/")...), 421)
	wantStatus(t, w.do(c, nil, harness.H2Fields("https", "GET", "a.example.com", "/")...), 200)
	if n := len(w.a.Seen(0)); n != 2 {
		t.Errorf("the backend got %d requests", n)
	}
}

// TestDrain: GOAWAY, what runs is finished, nothing is cut.
func TestDrain(t *testing.T) {
	for name, secure := range map[string]bool{"tls": true, "h2c": false} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			w := start(t, harness.Options{Args: []string{"--drain-seconds", "20"}}, func(x *harness.Exchange) {
				_ = x.ReadBody()
				<-release
				harness.EchoID(x)
			})
			w.secureScheme = secure
			c := w.dial(harness.H2Options{})
			var ids []uint32
			for n := range 20 {
				id, err := c.Open(true, w.fields("GET", "/", field("x-id", fmt.Sprint(n)))...)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
			w.a.WaitSeen(t, 0, 20, nil)
			w.Signal(syscall.SIGTERM)
			harness.WaitFor(t, 5*time.Second, "GOAWAY", func() (bool, string) { return len(c.GoAways()) > 0, fmt.Sprint(c.Err()) })
			if first := c.GoAways()[0]; first.Code != http2.ErrCodeNo || first.LastStream < ids[len(ids)-1] {
				t.Errorf("GOAWAY %+v", first)
			}
			close(release)
			for n, id := range ids {
				if s, err := c.Finish(id); err != nil || string(s.Body) != fmt.Sprintf("id=%d", n) {
					t.Fatalf("a stream in work: %v %v", s, err)
				}
			}
			if !c.WaitEnd(10 * time.Second) {
				t.Errorf("the connection stays open when all is done")
			}
			if code := w.WaitExit(t, 15*time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestMaxRequestsAndAge(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"max_requests_per_connection": 5}}, nil)
	c := w.dial(harness.H2Options{})
	for range 5 {
		wantStatus(t, w.do(c, nil, w.fields("GET", "/")...), 200)
	}
	harness.WaitFor(t, 5*time.Second, "GOAWAY after 5 requests", func() (bool, string) { return c.Gone(), "" })
	for _, goAway := range c.GoAways() {
		if goAway.Code != http2.ErrCodeNo {
			t.Errorf("%+v", goAway)
		}
	}
	aged := start(t, harness.Options{Limits: map[string]int{"max_connection_age_ms": 500}}, nil)
	c = aged.dial(harness.H2Options{})
	started := time.Now()
	for !c.Gone() {
		wantStatus(t, aged.do(c, nil, aged.fields("GET", "/")...), 200)
		if time.Since(started) > harness.Scale(5*time.Second) {
			t.Fatal("no GOAWAY by age")
		}
		time.Sleep(10 * time.Millisecond) // the pace of requests
	}
	if took := time.Since(started); took < 400*time.Millisecond {
		t.Errorf("GOAWAY by age after %v, the limit is 500 ms", took)
	}
}

func TestIdleTimeout(t *testing.T) {
	w := start(t, harness.Options{Limits: map[string]int{"http2_connection_idle_timeout_ms": 500}}, nil)
	c := w.dial(harness.H2Options{})
	wantStatus(t, w.do(c, nil, w.fields("GET", "/")...), 200)
	if !c.WaitEnd(5 * time.Second) {
		t.Errorf("the idle connection stays open")
	}
}

// TestPrefaceIsToldApart: the plain port serves both, however the first bytes come.
func TestPrefaceIsToldApart(t *testing.T) {
	w := start(t, harness.Options{}, harness.EchoID)
	for _, parts := range [][]int{{24}, {1, 24}, {3, 24}, {14, 24}, {16, 23, 24}} {
		client, err := harness.Dial(harness.Address(w.plain))
		if err != nil {
			t.Fatal(err)
		}
		var cut [][]byte
		from := 0
		for _, to := range parts {
			cut = append(cut, []byte(http2.ClientPreface[from:to]))
			from = to
		}
		client.SendParts(append(cut, []byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00")))
		head, err := client.ReadRaw(9)
		if err != nil || head[3] != 4 {
			t.Errorf("preface in parts %v: %x %v", parts, head, err)
		}
		client.Close()
	}
	for _, raw := range []string{"PRI / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI * HTTP/2.0\r\nHost: a\r\n\r\n", "PRIX / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "P", "PRI * HT"} {
		before := w.a.Count()
		client, err := harness.Dial(harness.Address(w.plain))
		if err != nil {
			t.Fatal(err)
		}
		client.SendText(raw)
		client.CloseWrite()
		if _, closed := client.WaitClosed(5 * time.Second); !closed {
			t.Errorf("%q: the connection stays open", raw)
		}
		client.Close()
		for _, seen := range w.a.Seen(before) {
			if seen.Method != "PRIX" && seen.Target != "/" {
				t.Errorf("%q reached the backend: %s", raw, seen.String())
			}
		}
	}
	if response, err := harness.Do(harness.Address(w.plain), harness.Request{Host: host, Fields: harness.Fields{field("X-Id", "1")}}); err != nil || string(response.Body) != "id=1" {
		t.Errorf("HTTP/1.1 on the same port: %v %v", response, err)
	}
}

// TestLogged: a line for each stream, with its protocol.
func TestLogged(t *testing.T) {
	start(t, harness.Options{}, nil).both(t, func(t *testing.T, w *world) {
		from := w.Stdout.Len()
		c := w.dial(harness.H2Options{})
		wantStatus(t, w.do(c, nil, w.fields("GET", "/logged")...), 200)
		line := w.WaitAccess(t, from, "/logged", func(l harness.AccessLine) bool { return l.Text("path") == "/logged" })
		if !strings.Contains(line.Text("protocol"), "2") || line.Text("status") != "200" || line.Text("host") != host || w.secureScheme && line.Text("tls") == "" {
			t.Errorf("%v", line)
		}
	})
}
