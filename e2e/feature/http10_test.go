package feature

import (
	"testing"

	"portreeve.dev/e2e/harness"
)

func TestHTTP10(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() != nil {
			return
		}
		if x.Target == "/chunked" {
			_ = x.WriteText("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
			return
		}
		_ = x.Reply(200, nil, "hello")
	})
	for _, target := range []string{"/length", "/chunked"} {
		for _, more := range []string{"", "Connection: keep-alive\r\n"} {
			client := w.dial()
			client.SendText("GET " + target + " HTTP/1.0\r\nHost: " + host + "\r\n" + more + "\r\n")
			response := read(t, client, "GET")
			if response.Status != 200 || string(response.Body) != "hello" || response.Framing == "chunked" || response.Truncated {
				t.Errorf("%s %q: %v (%s)", target, more, response, response.Framing)
			}
			wantClosed(t, client)
		}
	}
	for _, seen := range w.a.WaitSeen(t, 0, 4, nil) {
		if seen.Proto != "HTTP/1.1" || len(seen.Faults) > 0 {
			t.Errorf("at the backend: %s", seen.String())
		}
	}
	client := w.dial()
	client.SendText("POST / HTTP/1.0\r\nHost: " + host + "\r\nContent-Length: 5\r\n\r\nhello")
	wantStatus(t, read(t, client, "POST"), 200)
	client = w.dial()
	client.SendText("POST / HTTP/1.0\r\nHost: " + host + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	wantStatus(t, read(t, client, "POST"), 400)
	wantClosed(t, client)
}

// TestHTTP10GetsNoInterimAnswer: HTTP/1.0 doesn't know them.
func TestHTTP10GetsNoInterimAnswer(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.ReadBody() == nil {
			_ = x.WriteText("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
			_ = x.Reply(200, nil, "hello")
		}
	})
	client := w.dial()
	client.SendText("GET / HTTP/1.0\r\nHost: " + host + "\r\n\r\n")
	if response := read(t, client, "GET"); response.Status != 200 || len(response.Interim) > 0 {
		t.Errorf("%v, %d interim answers", response, len(response.Interim))
	}
}
