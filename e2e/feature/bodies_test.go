package feature

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

func chunk(body []byte, size int) []byte {
	var out bytes.Buffer
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&out, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	out.WriteString("0\r\n\r\n")
	return out.Bytes()
}

func pattern(n int) []byte {
	body := make([]byte, n)
	for i := range body {
		body[i] = byte(i*7 + i>>8)
	}
	return body
}

// TestBodiesBothWays: bodies of many sizes, framed either way, come through unchanged in both directions.
func TestBodiesBothWays(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() != nil {
			return
		}
		if x.Target == "/chunked" {
			_ = x.WriteText("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			_ = x.Write(chunk(x.Bytes, 7000))
			return
		}
		_ = x.Reply(200, nil, string(x.Bytes))
	})
	for _, size := range []int{0, 1, 2, 1023, 4096, 16384, 65535, 65536, 65537, 1 << 20, 3 << 20} {
		for _, framing := range []string{"length", "chunked", "small chunks"} {
			for _, target := range []string{"/length", "/chunked"} {
				if framing == "small chunks" && size > 65537 {
					continue
				}
				body := pattern(size)
				client := w.dial()
				head := "POST " + target + " HTTP/1.1\r\nHost: " + host + "\r\n"
				switch framing {
				case "length":
					client.Send(append([]byte(head+"Content-Length: "+strconv.Itoa(size)+"\r\n\r\n"), body...))
				case "chunked":
					client.Send(append([]byte(head+"Transfer-Encoding: chunked\r\n\r\n"), chunk(body, 10000)...))
				default:
					client.Send(append([]byte(head+"Transfer-Encoding: chunked\r\n\r\n"), chunk(body, 13)...))
				}
				response := read(t, client, "POST")
				if response.Status != 200 || response.Truncated || !bytes.Equal(response.Body, body) {
					t.Errorf("%d bytes, %s to %s: status %d, %d bytes back, sum %x, want %x", size, framing, target, response.Status, response.Length,
						sha256.Sum256(response.Body), sha256.Sum256(body))
				}
				// The connection is in step: another request is answered.
				wantStatus(t, exchange(t, client, harness.Request{}), 200)
				client.Close()
			}
		}
	}
}

// TestRequestBodyStreams: what a client has sent reaches the backend before the body is complete.
func TestRequestBodyStreams(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	for _, c := range []struct{ head, first, second string }{
		{"Content-Length: 10\r\n\r\n", "hello", "world"},
		{"Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n", "5\r\nworld\r\n0\r\n\r\n"},
	} {
		before := w.a.Count()
		client := w.dial()
		client.SendText("POST / HTTP/1.1\r\nHost: " + host + "\r\n" + c.head + c.first)
		w.a.WaitSeen(t, before, 1, func(s *harness.Seen) bool { return string(s.Bytes) == "hello" && !s.Complete })
		client.SendText(c.second)
		wantStatus(t, read(t, client, "POST"), 200)
		w.a.WaitSeen(t, before, 1, func(s *harness.Seen) bool { return string(s.Bytes) == "helloworld" && s.Complete })
	}
}

// TestResponseBodyStreams: what a backend has sent reaches the client before the body is complete.
func TestResponseBodyStreams(t *testing.T) {
	next := make(chan struct{})
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		switch x.Target {
		case "/length":
			_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
			<-next
			_ = x.WriteText("world")
		case "/chunked":
			_ = x.WriteText("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
			<-next
			_ = x.WriteText("5\r\nworld\r\n0\r\n\r\n")
		case "/close":
			_ = x.WriteText("HTTP/1.1 200 OK\r\n\r\nhello")
			<-next
			_ = x.WriteText("world")
			x.Close()
		}
	})
	for _, target := range []string{"/length", "/chunked", "/close"} {
		client := w.dial()
		client.Send(harness.Request{Host: host, Target: target}.Bytes())
		var got []byte
		for !bytes.Contains(got, []byte("hello")) {
			part, err := client.ReadRaw(1)
			if err != nil {
				t.Fatalf("%s: %v after %q", target, err, got)
			}
			got = append(got, part...)
		}
		next <- struct{}{}
		for !bytes.Contains(got, []byte("world")) {
			part, err := client.ReadRaw(1)
			if err != nil {
				t.Fatalf("%s: %v after %q", target, err, got)
			}
			got = append(got, part...)
		}
	}
}

func rss(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, is := strings.CutPrefix(line, "VmRSS:"); is {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// TestSlowReaderHoldsTheBackend: a client that doesn't read stops the backend; nothing piles up in the gateway.
func TestSlowReaderHoldsTheBackend(t *testing.T) {
	const total = 256 << 20
	written := make(chan int, 100000)
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() != nil {
			return
		}
		_ = x.WriteText(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", total))
		part := make([]byte, 64<<10)
		for sent := 0; sent < total; sent += len(part) {
			_ = x.Conn.SetWriteDeadline(time.Now().Add(harness.Scale(2 * time.Second)))
			if x.Write(part) != nil {
				written <- sent
				x.Close()
				return
			}
		}
		written <- total
	})
	before := rss(t, w.Pid())
	client := w.dial()
	client.Send(harness.Request{Host: host}.Bytes())
	sent := <-written
	if sent == total {
		t.Errorf("the backend could send all of %d bytes to a client that read none", total)
	}
	if grown := rss(t, w.Pid()) - before; grown > 24<<20 {
		t.Errorf("the gateway grew by %d MiB for one slow client", grown>>20)
	}
	wantStatus(t, w.get("/other-client-is-served-meanwhile?"+"x"), 200)
}

// TestSlowBackendHoldsTheClient: a backend that doesn't read stops the client.
func TestSlowBackendHoldsTheClient(t *testing.T) {
	release := make(chan struct{})
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Target == "/slow" {
			<-release
		}
		harness.EchoID(x)
	})
	before := rss(t, w.Pid())
	client := w.dial()
	const total = 128 << 20
	client.SendText(fmt.Sprintf("POST /slow HTTP/1.1\r\nHost: %s\r\nX-Id: 1\r\nContent-Length: %d\r\n\r\n", host, total))
	if err := client.Sent(); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 1<<20)
	sent := 0
	for sent < total {
		_ = client.Conn.SetWriteDeadline(time.Now().Add(harness.Scale(time.Second)))
		n, err := client.Conn.Write(part)
		sent += n
		if err != nil {
			break
		}
	}
	if sent >= total {
		t.Errorf("the client could send all of %d bytes to a backend that read none", total)
	}
	if grown := rss(t, w.Pid()) - before; grown > 24<<20 {
		t.Errorf("the gateway grew by %d MiB for one slow backend", grown>>20)
	}
	close(release)
	_ = client.Conn.SetWriteDeadline(time.Time{})
	client.Send(make([]byte, total-sent))
	if response := read(t, client, "POST"); string(response.Body) != "id=1" {
		t.Errorf("after all: %v", response)
	}
}

func TestHead(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() != nil {
			return
		}
		switch x.Target {
		case "/length":
			_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n")
		case "/chunked":
			_ = x.WriteText("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		case "/none":
			_ = x.WriteText("HTTP/1.1 200 OK\r\n\r\n")
		case "/missing":
			_ = x.WriteText("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n")
		}
	})
	client := w.dial()
	for _, target := range []string{"/length", "/chunked", "/none", "/missing", "/length"} {
		response := exchange(t, client, harness.Request{Method: "HEAD", Target: target})
		if len(response.Body) > 0 || response.Closing() {
			t.Errorf("%s: %v", target, response)
		}
		if target == "/length" && response.Fields.Get("Content-Length") != "4096" {
			t.Errorf("Content-Length of the GET is lost: %v", response)
		}
	}
	// Our own answers to HEAD have no body either.
	client.Send(harness.Request{Method: "HEAD", Host: host, Target: "/%00"}.Bytes())
	response := read(t, client, "HEAD")
	wantStatus(t, response, 400)
}

func TestStatusesWithoutBody(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() != nil {
			return
		}
		switch x.Target {
		case "/204":
			_ = x.WriteText("HTTP/1.1 204 No Content\r\n\r\n")
		case "/304":
			_ = x.WriteText("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 100\r\n\r\n")
		default:
			_ = x.Reply(200, nil, "body")
		}
	})
	client := w.dial()
	for _, target := range []string{"/204", "/304", "/200", "/304", "/204", "/200"} {
		response := exchange(t, client, harness.Request{Target: target})
		if "/"+strconv.Itoa(response.Status) != target || target != "/200" && len(response.Body) > 0 {
			t.Errorf("%s: %v", target, response)
		}
	}
}

// TestClientGoesAway: a client that leaves ends its request at the backend.
func TestClientGoesAway(t *testing.T) {
	gone := make(chan bool, 1)
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Target != "/wait" {
			harness.EchoID(x)
			return
		}
		_ = x.ReadBody()
		_, closed := x.Gone(5 * time.Second)
		gone <- closed
		x.Close()
	})
	from := w.Stdout.Len()
	client := w.dial()
	client.Send(harness.Request{Host: host, Target: "/wait"}.Bytes())
	w.a.WaitSeen(t, 0, 1, nil)
	client.Abort()
	if !<-gone {
		t.Errorf("the backend's connection stays open when the client has gone")
	}
	w.logged(from, "path", "/wait", "origin", "downstream", "reason", "client_closed")
}
