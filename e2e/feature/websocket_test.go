package feature

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

const key = "dGhlIHNhbXBsZSBub25jZQ=="

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func handshake(target string) harness.Request {
	return harness.Request{Host: host, Target: target, Fields: harness.Fields{field("Connection", "Upgrade"), field("Upgrade", "websocket"),
		field("Sec-WebSocket-Version", "13"), field("Sec-WebSocket-Key", key)}}
}

// switching answers 101 and hands the stream to use.
func switching(use func(x *harness.Exchange)) harness.Handler {
	return func(x *harness.Exchange) {
		if x.ReadBody() != nil {
			return
		}
		if !x.Fields.Has("Upgrade") {
			harness.EchoID(x)
			return
		}
		_ = x.WriteText("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			acceptKey(x.Fields.Get("Sec-WebSocket-Key")) + "\r\n\r\n")
		use(x)
		x.Close()
	}
}

func echo(x *harness.Exchange) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := x.ReadSome(buffer)
		if n > 0 && x.Write(buffer[:n]) != nil || err != nil {
			return
		}
	}
}

func TestWebSocketTunnel(t *testing.T) {
	w := start(t, harness.Options{}, switching(echo))
	client := w.dial()
	response := exchange(t, client, handshake("/chat"))
	wantStatus(t, response, 101)
	if response.Fields.Get("Sec-WebSocket-Accept") != acceptKey(key) || response.Fields.Get("Upgrade") != "websocket" {
		t.Errorf("%v", response)
	}
	body := pattern(4 << 20)
	client.Send(body)
	back, err := client.ReadRaw(len(body))
	if err != nil || !bytes.Equal(back, body) {
		t.Fatalf("%d of %d bytes came back unchanged, %v", len(back), len(body), err)
	}
	// Small messages pass at once, each way, many times.
	for n := range 200 {
		message := []byte{0x81, 0x02, byte(n), byte(n >> 8)}
		client.Send(message)
		if back, err := client.ReadRaw(len(message)); err != nil || !bytes.Equal(back, message) {
			t.Fatalf("message %d: %x %v", n, back, err)
		}
	}
}

// TestWebSocketHalfClose: each side may end its direction while the other goes on.
func TestWebSocketHalfClose(t *testing.T) {
	t.Run("by the client", func(t *testing.T) {
		w := start(t, harness.Options{}, switching(func(x *harness.Exchange) {
			var got bytes.Buffer
			buffer := make([]byte, 4096)
			for {
				n, err := x.ReadSome(buffer)
				got.Write(buffer[:n])
				if err != nil {
					break
				}
			}
			_ = x.WriteText("got " + got.String())
		}))
		client := w.dial()
		wantStatus(t, exchange(t, client, handshake("/")), 101)
		client.SendText("all of it")
		client.CloseWrite()
		rest, closed := client.WaitClosed(5 * time.Second)
		if string(rest) != "got all of it" || !closed {
			t.Errorf("%q, closed %v", rest, closed)
		}
	})
	t.Run("by the backend", func(t *testing.T) {
		got := make(chan string, 1)
		w := start(t, harness.Options{}, switching(func(x *harness.Exchange) {
			_ = x.WriteText("bye")
			_ = x.Conn.(*net.TCPConn).CloseWrite()
			text, _ := io.ReadAll(readerFunc(x.ReadSome))
			got <- string(text)
		}))
		client := w.dial()
		wantStatus(t, exchange(t, client, handshake("/")), 101)
		rest, closed := client.WaitClosed(5 * time.Second)
		if string(rest) != "bye" || !closed {
			t.Errorf("%q, closed %v", rest, closed)
		}
		client.SendText("still here")
		client.CloseWrite()
		select {
		case text := <-got:
			if text != "still here" {
				t.Errorf("the backend got %q after it had ended its direction", text)
			}
		case <-time.After(harness.Scale(5 * time.Second)):
			t.Errorf("the backend doesn't see the end")
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestBytesBehindAnUpgradeAreHeld: what a client sends before the 101 is neither a request nor lost.
func TestBytesBehindAnUpgradeAreHeld(t *testing.T) {
	release := make(chan struct{})
	tooEarly := make(chan bool, 1)
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Fields.Has("Upgrade") {
			<-release
			_ = x.Conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			tooEarly <- x.Pending()
			_ = x.Conn.SetReadDeadline(time.Time{})
		}
		switching(echo)(x)
	})
	client := w.dial()
	early := "GET /smuggled HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	client.Send(append(handshake("/").Bytes(), early...))
	w.a.WaitSeen(t, 0, 1, func(s *harness.Seen) bool { return s.Method == "GET" })
	close(release)
	wantStatus(t, read(t, client, "GET"), 101)
	if <-tooEarly {
		t.Errorf("the bytes were sent on before the 101")
	}
	back, err := client.ReadRaw(len(early))
	if string(back) != early {
		t.Errorf("%q came back, %v", back, err)
	}
	if n := w.a.Count(); n != 1 {
		t.Errorf("the backend got %d requests", n)
	}
}

// TestUpgradeThatIsAnsweredPlainly: the connection stays an ordinary one.
func TestUpgradeThatIsAnsweredPlainly(t *testing.T) {
	w := start(t, harness.Options{}, harness.EchoID)
	client := w.dial()
	client.Send(append(handshake("/").Bytes(), harness.Request{Host: host, Target: "/next", Fields: harness.Fields{field("X-Id", "2")}}.Bytes()...))
	wantStatus(t, read(t, client, "GET"), 200)
	if response, err := client.Read("GET"); err == nil && string(response.Body) != "id=2" || err != nil && !harness.IsEnd(err) && err != harness.ErrNoAnswer {
		t.Errorf("%v %v", response, err)
	}
}

func TestBackendThatResetsATunnel(t *testing.T) {
	w := start(t, harness.Options{}, switching(func(x *harness.Exchange) {
		_, _ = x.ReadSome(make([]byte, 1))
		x.Abort()
	}))
	client := w.dial()
	wantStatus(t, exchange(t, client, handshake("/")), 101)
	client.SendText("x")
	if _, closed := client.WaitClosed(5 * time.Second); !closed {
		t.Errorf("the client's connection stays open")
	}
}
