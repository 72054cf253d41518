package http2

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"portreeve.dev/e2e/harness"
)

func TestRequests(t *testing.T) {
	start(t, harness.Options{}, harness.EchoID).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{})
		for n := range 300 {
			var body []byte
			method := "GET"
			if n%3 == 1 {
				method, body = "POST", []byte("hello")
			}
			s := w.do(c, body, w.fields(method, fmt.Sprintf("/%d", n), field("x-id", fmt.Sprint(n)))...)
			if s.Status != 200 || string(s.Body) != fmt.Sprintf("id=%d", n) {
				t.Fatalf("request %d: %v", n, s)
			}
		}
		for _, seen := range w.a.Seen(0) {
			if len(seen.Faults) > 0 || seen.Fields.Get("Host") != host || seen.Method == "POST" && string(seen.Bytes) != "hello" {
				t.Fatalf("at the backend: %s", seen.String())
			}
		}
		w.a.Forget()
	})
}

func TestSettings(t *testing.T) {
	start(t, harness.Options{}, nil).both(t, func(t *testing.T, w *world) {
		settings := w.dial(harness.H2Options{}).Settings()
		if got := settings[http2.SettingMaxConcurrentStreams]; got != 100 {
			t.Errorf("MAX_CONCURRENT_STREAMS %d, want 100", got)
		}
		if got, has := settings[http2.SettingInitialWindowSize]; has && got != 65535 && got != 65536 {
			t.Errorf("INITIAL_WINDOW_SIZE %d, want 64 KiB", got)
		}
		if got, has := settings[http2.SettingHeaderTableSize]; has && got > 4096 {
			t.Errorf("HEADER_TABLE_SIZE %d", got)
		}
	})
}

// TestStreamsAtOnce: many streams, answered in another order than asked, each with its own answer.
func TestStreamsAtOnce(t *testing.T) {
	var mu sync.Mutex
	waiting := map[string]chan struct{}{}
	gate := func(id string) chan struct{} {
		mu.Lock()
		defer mu.Unlock()
		if waiting[id] == nil {
			waiting[id] = make(chan struct{})
		}
		return waiting[id]
	}
	start(t, harness.Options{}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		<-gate(x.ID())
		harness.EchoID(x)
	}).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{})
		before := w.a.Count()
		var ids []uint32
		for n := range 90 {
			id, err := c.Open(true, w.fields("GET", "/", field("x-id", fmt.Sprintf("%s-%d", t.Name(), n)))...)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		w.a.WaitSeen(t, before, 90, nil)
		for n := len(ids) - 1; n >= 0; n-- {
			close(gate(fmt.Sprintf("%s-%d", t.Name(), n)))
			s, err := c.Finish(ids[n])
			if err != nil || string(s.Body) != fmt.Sprintf("id=%s-%d", t.Name(), n) {
				t.Fatalf("stream %d: %v %v", n, s, err)
			}
		}
	})
}

func TestConcurrencyLimit(t *testing.T) {
	release := make(chan struct{})
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		<-release
		harness.EchoID(x)
	})
	c := w.dial(harness.H2Options{})
	var ids []uint32
	for range 120 {
		id, err := c.Open(true, w.fields("GET", "/")...)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids[100:] {
		if s, err := c.Finish(id); err != nil || !s.Reset || s.Code != http2.ErrCodeRefusedStream {
			t.Fatalf("a stream beyond the limit: %v %v", s, err)
		}
	}
	if n := w.a.Count(); n > 100 {
		t.Errorf("%d requests reached the backend", n)
	}
	close(release)
	for _, id := range ids[:100] {
		if s, err := c.Finish(id); err != nil || s.Status != 200 {
			t.Fatalf("a stream within the limit: %v %v", s, err)
		}
	}
}

func TestBodiesBothWays(t *testing.T) {
	start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() == nil {
			_ = x.Reply(200, nil, string(x.Bytes))
		}
	}).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{})
		for _, size := range []int{0, 1, 1000, 16384, 16385, 40000} {
			body := bytes.Repeat([]byte{'a', byte(size)}, size/2+1)[:size]
			s := w.do(c, body, w.fields("POST", "/")...)
			if s.Status != 200 || !bytes.Equal(s.Body, body) {
				t.Errorf("%d bytes: status %d, %d bytes back", size, s.Status, s.Length)
			}
			s = w.do(c, body, w.fields("POST", "/", field("content-length", fmt.Sprint(size)))...)
			if s.Status != 200 || !bytes.Equal(s.Body, body) {
				t.Errorf("%d bytes with a length: status %d, %d bytes back", size, s.Status, s.Length)
			}
		}
		for _, seen := range w.a.Seen(0) {
			if len(seen.Faults) > 0 || !seen.Complete {
				t.Errorf("at the backend: %s", seen.String())
			}
		}
	})
}

// TestLargeBodies needs window updates of both sides.
func TestLargeBodies(t *testing.T) {
	const size = 3 << 20
	start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() == nil {
			_ = x.Reply(200, nil, string(x.Bytes))
		}
	}).both(t, func(t *testing.T, w *world) {
		c := newWindowed(t, w)
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i ^ i>>9)
		}
		id, err := c.Open(false, w.fields("POST", "/")...)
		if err != nil {
			t.Fatal(err)
		}
		c.sendAll(id, body)
		s, err := c.Finish(id)
		if err != nil || s.Status != 200 || !bytes.Equal(s.Body, body) {
			t.Errorf("status %d, %d of %d bytes back, %v", s.Status, s.Length, size, err)
		}
	})
}

func TestRequestBodyStreams(t *testing.T) {
	start(t, harness.Options{}, nil).both(t, func(t *testing.T, w *world) {
		before := w.a.Count()
		c := w.dial(harness.H2Options{})
		id, err := c.Open(false, w.fields("POST", "/")...)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Data(id, false, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		w.a.WaitSeen(t, before, 1, func(s *harness.Seen) bool { return string(s.Bytes) == "hello" && !s.Complete })
		if err := c.Data(id, true, []byte("world")); err != nil {
			t.Fatal(err)
		}
		s, err := c.Finish(id)
		if err != nil || s.Status != 200 {
			t.Fatalf("%v %v", s, err)
		}
		w.a.WaitSeen(t, before, 1, func(s *harness.Seen) bool { return string(s.Bytes) == "helloworld" && s.Complete })
	})
}

func TestResponseBodyStreams(t *testing.T) {
	next := make(chan struct{})
	start(t, harness.Options{}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		_ = x.WriteText("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		<-next
		_ = x.WriteText("5\r\nworld\r\n0\r\n\r\n")
	}).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{})
		id, err := c.Open(true, w.fields("GET", "/")...)
		if err != nil {
			t.Fatal(err)
		}
		if !c.UntilStream(id, 5*time.Second, func(s *harness.H2Stream) bool { return string(s.Body) == "hello" }) {
			s := c.Stream(id)
			t.Fatalf("the first part doesn't come: %v", &s)
		}
		next <- struct{}{}
		if s, err := c.Finish(id); err != nil || string(s.Body) != "helloworld" {
			t.Errorf("%v %v", s, err)
		}
	})
}

// TestFlowControlOfAnswers: no more is sent than the windows allow, and the rest when they open.
func TestFlowControlOfAnswers(t *testing.T) {
	start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() == nil {
			_ = x.Reply(200, nil, strings.Repeat("x", 1000))
		}
	}).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{NoWindow: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 10}}})
		id, err := c.Open(true, w.fields("GET", "/")...)
		if err != nil {
			t.Fatal(err)
		}
		for want := int64(10); want < 1000; want += 330 {
			if !c.UntilStream(id, 5*time.Second, func(s *harness.H2Stream) bool { return s.Length >= want }) {
				s := c.Stream(id)
				t.Fatalf("with a window of %d: %v", want, &s)
			}
			// A round trip later still no more has come.
			ping(t, c)
			if s := c.Stream(id); s.Length != want || s.Ended {
				t.Fatalf("with a window of %d, %d bytes came", want, s.Length)
			}
			if err := c.WindowUpdate(id, 330); err != nil {
				t.Fatal(err)
			}
		}
		if s, err := c.Finish(id); err != nil || s.Length != 1000 {
			t.Errorf("%v %v", s, err)
		}
	})
}

func ping(t *testing.T, c *harness.H2) {
	t.Helper()
	_, before, _ := c.Counts()
	c.Lock()
	err := c.Framer.WritePing(false, [8]byte{1, 2, 3})
	c.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	harness.WaitFor(t, 5*time.Second, "the answer to a PING", func() (bool, string) {
		_, now, _ := c.Counts()
		return now > before, fmt.Sprint(c.Err(), c.GoAways())
	})
}

// TestSlowBackendClosesTheWindow: what the backend doesn't take isn't credited back, and other streams go on.
func TestSlowBackendClosesTheWindow(t *testing.T) {
	release := make(chan struct{})
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Target == "/slow" {
			<-release
		}
		harness.EchoID(x)
	})
	before := w.usage().rss
	c := newWindowed(t, w)
	id, err := c.Open(false, w.fields("POST", "/slow", field("x-id", "slow"))...)
	if err != nil {
		t.Fatal(err)
	}
	const total = 64 << 20
	sent := c.sendUntilStuck(id, total)
	if sent >= total {
		t.Errorf("all of %d bytes could be sent to a backend that reads none", total)
	}
	if s := w.do(c.H2, nil, w.fields("GET", "/fast", field("x-id", "fast"))...); string(s.Body) != "id=fast" {
		t.Errorf("another stream meanwhile: %v", s)
	}
	if grown := w.usage().rss - before; grown > 16<<20 {
		t.Errorf("the gateway grew by %d MiB", grown>>20)
	}
	close(release)
	c.sendRest(id, total-sent)
	if s, err := c.Finish(id); err != nil || string(s.Body) != "id=slow" {
		t.Errorf("%v %v", s, err)
	}
}

func TestTrailers(t *testing.T) {
	start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() == nil {
			_ = x.WriteText("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n")
		}
	}).both(t, func(t *testing.T, w *world) {
		before := w.a.Count()
		c := w.dial(harness.H2Options{})
		id, err := c.Open(false, w.fields("POST", "/", field("te", "trailers"))...)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Data(id, false, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := c.Trailers(id, hpack.HeaderField{Name: "x-late", Value: "1"}, hpack.HeaderField{Name: "authorization", Value: "late"}); err != nil {
			t.Fatal(err)
		}
		s, err := c.Finish(id)
		if err != nil || s.Status != 200 || string(s.Body) != "hello" {
			t.Fatalf("%v %v", s, err)
		}
		if got := s.Trailers.Get("x-sum"); got != "42" || len(s.Trailers) != 1 {
			t.Errorf("trailers of the answer: %v", s.Trailers)
		}
		seen := w.a.WaitSeen(t, before, 1, nil)[0]
		if len(seen.Faults) > 0 || seen.Fields.Has("x-late") || seen.Fields.Has("authorization") {
			t.Errorf("at the backend: %s", seen.String())
		}
	})
}

// TestResetReachesTheBackend: a cancelled stream ends its request there.
func TestResetReachesTheBackend(t *testing.T) {
	gone := make(chan bool, 4)
	start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Target == "/wait" || x.Target == "/body" {
			if x.Target == "/wait" {
				_ = x.ReadBody()
			}
			_, closed := x.Gone(5 * time.Second)
			gone <- closed
			x.Close()
			return
		}
		harness.EchoID(x)
	}).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{})
		for _, path := range []string{"/wait", "/body"} {
			before := w.a.Count()
			id, err := c.Open(path == "/wait", w.fields("POST", path)...)
			if err != nil {
				t.Fatal(err)
			}
			w.a.WaitSeen(t, before, 1, func(s *harness.Seen) bool { return s.Target == path })
			if err := c.Reset(id, http2.ErrCodeCancel); err != nil {
				t.Fatal(err)
			}
			if !<-gone {
				t.Errorf("%s: the backend's connection stays open", path)
			}
			// The connection of the client goes on.
			wantStatus(t, w.do(c, nil, w.fields("GET", "/", field("x-id", "1"))...), 200)
		}
	})
}

// TestBackendThatBreaksOff: the client can tell.
func TestBackendThatBreaksOff(t *testing.T) {
	start(t, harness.Options{}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		switch x.Target {
		case "/length":
			_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
		case "/chunked":
			_ = x.WriteText("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		default:
			harness.EchoID(x)
			return
		}
		x.Close()
	}).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{})
		for _, path := range []string{"/length", "/chunked"} {
			if s := w.do(c, nil, w.fields("GET", path)...); !s.Reset && s.Status != 502 {
				t.Errorf("%s: %v", path, s)
			}
			wantStatus(t, w.do(c, nil, w.fields("GET", "/", field("x-id", "1"))...), 200)
		}
	})
}

func TestHeadAndStatusesWithoutBody(t *testing.T) {
	start(t, harness.Options{}, func(x *harness.Exchange) {
		_ = x.ReadBody()
		switch x.Target {
		case "/204":
			_ = x.WriteText("HTTP/1.1 204 No Content\r\n\r\n")
		case "/304":
			_ = x.WriteText("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")
		case "/103":
			_ = x.WriteText("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
			_ = x.Reply(200, nil, "hello")
		default:
			_ = x.Reply(200, nil, "hello")
		}
	}).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{})
		for path, status := range map[string]int{"/204": 204, "/304": 304} {
			s := w.do(c, nil, w.fields("GET", path)...)
			wantStatus(t, s, status)
			if s.Length > 0 {
				t.Errorf("%s: %v", path, s)
			}
		}
		s := w.do(c, nil, w.fields("HEAD", "/head")...)
		wantStatus(t, s, 200)
		if s.Length > 0 || s.Fields.Get("content-length") != "5" {
			t.Errorf("HEAD: %v", s)
		}
		s = w.do(c, nil, w.fields("GET", "/103")...)
		wantStatus(t, s, 200)
		if len(s.Interim) > 1 || len(s.Interim) == 1 && s.Interim[0] != 103 {
			t.Errorf("interim answers %v", s.Interim)
		}
	})
}

func TestExpectContinue(t *testing.T) {
	start(t, harness.Options{}, harness.EchoID).both(t, func(t *testing.T, w *world) {
		c := w.dial(harness.H2Options{})
		id, err := c.Open(false, w.fields("POST", "/", field("expect", "100-continue"), field("x-id", "1"))...)
		if err != nil {
			t.Fatal(err)
		}
		if !c.UntilStream(id, 5*time.Second, func(s *harness.H2Stream) bool { return len(s.Interim) > 0 && s.Interim[0] == 100 }) {
			s := c.Stream(id)
			t.Fatalf("no 100: %v", &s)
		}
		if err := c.Data(id, true, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if s, err := c.Finish(id); err != nil || string(s.Body) != "id=1" {
			t.Errorf("%v %v", s, err)
		}
	})
}

// TestFieldsAcrossVersions: crumbs of a cookie are joined, hop-by-hop fields go, forwarded ones come.
func TestFieldsAcrossVersions(t *testing.T) {
	start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() == nil {
			_ = x.Reply(200, harness.Fields{field("Connection", "X-Gone"), field("X-Gone", "1"), field("Keep-Alive", "timeout=5"), field("X-Kept", "1"), field("Set-Cookie", "a=b"), field("Set-Cookie", "c=d"), field("Upgrade", "h2c")}, "x")
		}
	}).both(t, func(t *testing.T, w *world) {
		before := w.a.Count()
		c := w.dial(harness.H2Options{})
		s := w.do(c, nil, w.fields("GET", "/x?y=1", field("cookie", "a=b"), field("cookie", "c=d"), field("x-forwarded-for", "203.0.113.9"), field("te", "trailers"))...)
		wantStatus(t, s, 200)
		for _, name := range []string{"connection", "x-gone", "keep-alive", "upgrade", "transfer-encoding"} {
			if s.Fields.Has(name) {
				t.Errorf("%s reached an HTTP/2 client", name)
			}
		}
		if got := s.Fields.Lines("set-cookie"); len(got) != 2 || s.Fields.Get("x-kept") != "1" {
			t.Errorf("%v", s)
		}
		for _, f := range s.Fields {
			if f.Name != strings.ToLower(f.Name) {
				t.Errorf("the name %s isn't in lower case", f.Name)
			}
		}
		seen := w.a.WaitSeen(t, before, 1, nil)[0]
		proto := map[bool]string{true: "https", false: "http"}[w.secureScheme]
		if got := seen.Fields.Lines("Cookie"); len(got) != 1 || got[0] != "a=b; c=d" {
			t.Errorf("Cookie %q", got)
		}
		if seen.Target != "/x?y=1" || seen.Fields.Get("X-Forwarded-For") != harness.ClientAddress || seen.Fields.Get("X-Forwarded-Proto") != proto || len(seen.Faults) > 0 {
			t.Errorf("at the backend: %s", seen.String())
		}
	})
}

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
	wantStatus(t, aged.do(c, nil, aged.fields("GET", "/")...), 200)
	harness.WaitFor(t, 5*time.Second, "GOAWAY by age", func() (bool, string) { return c.Gone(), "" })
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
