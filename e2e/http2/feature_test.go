package http2

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
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
