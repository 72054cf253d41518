package cases

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// backend is the backend of that letter, started when it is first named.
func (w *world) backend(letter string) *harness.Backend {
	if b := w.backends[letter]; b != nil {
		return b
	}
	spec := w.c.Backends[letter]
	if !slices.Contains([]string{"", "ipv4", "ipv6"}, spec.Family) {
		w.t.Fatalf("backends: unknown family %q", spec.Family)
	}
	listener, err := w.place.Listen(spec.Family == "ipv6")
	if err != nil {
		w.t.Fatalf("backend %s: %v", letter, err)
	}
	b := harness.ServeBackend(w.t, letter, listener, behaviour(w.t, letter, spec))
	w.backends[letter] = b
	return b
}

func behaviour(t testing.TB, letter string, spec BackendSpec) harness.Handler {
	switch {
	case spec.Upgrade == "echo":
		return echoUpgrade
	case spec.Upgrade != "":
		t.Fatalf("backends: unknown upgrade %q", spec.Upgrade)
	case spec.Raw != nil:
		return func(x *harness.Exchange) {
			if x.ReadBody() != nil {
				return
			}
			_ = x.WriteText(*spec.Raw)
			if spec.Close {
				x.Close()
			}
		}
	case spec.Answer != nil:
		return func(x *harness.Exchange) {
			x.Continue()
			if x.ReadBody() != nil {
				return
			}
			if spec.Answer.Delay > 0 {
				// This is the behaviour that the case asks for, not a wait of the test.
				time.Sleep(time.Duration(spec.Answer.Delay)) // the delay that the case asks of its backend
			}
			fields := harness.Fields{}
			hasType := false
			for _, header := range spec.Answer.Headers {
				hasType = hasType || strings.EqualFold(header.Name, "Content-Type")
				for _, value := range header.Values {
					fields = append(fields, harness.Field{Name: header.Name, Value: value})
				}
			}
			if !hasType {
				fields = append(fields, harness.Field{Name: "Content-Type", Value: "text/plain"})
			}
			status := spec.Answer.Status
			if status == 0 {
				status = 200
			}
			_ = x.Reply(status, fields, spec.Answer.Body)
		}
	}
	return harness.Plain(letter)
}

func echoUpgrade(x *harness.Exchange) {
	if x.ReadBody() != nil {
		return
	}
	if !strings.EqualFold(x.Fields.Get("Upgrade"), "websocket") || !strings.Contains(strings.ToLower(x.Fields.Get("Connection")), "upgrade") {
		_ = x.Reply(400, nil, "no WebSocket handshake")
		return
	}
	sum := sha1.Sum([]byte(x.Fields.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_ = x.WriteText("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	buffer := make([]byte, 4096)
	for {
		n, err := x.ReadSome(buffer)
		if n > 0 && x.Write(buffer[:n]) != nil || err != nil {
			break
		}
	}
	x.Close()
}
