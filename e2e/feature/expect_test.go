package feature

import (
	"testing"

	"portreeve.dev/e2e/harness"
)

func TestExpectContinue(t *testing.T) {
	w := start(t, harness.Options{}, harness.EchoID)
	client := w.dial()
	for _, id := range []string{"1", "2"} {
		client.SendText("POST / HTTP/1.1\r\nHost: " + host + "\r\nX-Id: " + id + "\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
		interim, err := client.ReadOne("POST")
		if err != nil || interim.Status != 100 {
			t.Fatalf("wanted 100 before the body was sent, got %v %v", interim, err)
		}
		client.SendText("hello")
		if response := read(t, client, "POST"); string(response.Body) != "id="+id {
			t.Fatalf("%v", response)
		}
	}
	for _, seen := range w.a.WaitSeen(t, 0, 2, nil) {
		if string(seen.Bytes) != "hello" {
			t.Errorf("%s", seen.String())
		}
	}
}

// TestExpectIsNotWaitedFor: a client may send the body without waiting.
func TestExpectIsNotWaitedFor(t *testing.T) {
	w := start(t, harness.Options{}, harness.EchoID)
	client := w.dial()
	client.SendText("POST / HTTP/1.1\r\nHost: " + host + "\r\nX-Id: 1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
	if response := read(t, client, "POST"); string(response.Body) != "id=1" {
		t.Fatalf("%v", response)
	}
	wantStatus(t, exchange(t, client, harness.Request{}), 200)
}

// TestFinalAnswerInsteadOfContinue: no 100, and the body isn't taken for a request when it never comes.
func TestFinalAnswerInsteadOfContinue(t *testing.T) {
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Method == "POST" {
			_ = x.WriteText("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			x.Close()
			return
		}
		harness.EchoID(x)
	}, harness.RouteDoc("r", "edge", "", []string{host}, harness.PrefixRule("/", "a", "")))
	for _, c := range []struct {
		host   string
		status int
	}{{host, 413}, {"unknown.example.com", 404}} {
		client := w.dial()
		client.SendText("POST / HTTP/1.1\r\nHost: " + c.host + "\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
		response := read(t, client, "POST")
		wantStatus(t, response, c.status)
		if c.status == 404 && len(response.Interim) > 0 {
			t.Errorf("100 was sent before a refusal")
		}
		if response.Closing() {
			wantClosed(t, client)
			continue
		}
		client.SendText("hello")
		wantStatus(t, exchange(t, client, harness.Request{}), 200)
	}
}

func TestUnknownExpectation(t *testing.T) {
	w := start(t, harness.Options{}, harness.EchoID)
	from := w.Stdout.Len()
	response := w.do(harness.Request{Method: "POST", Target: "/x", Fields: harness.Fields{field("Expect", "200-ok")}, Body: []byte("hello")})
	wantStatus(t, response, 417)
	if w.a.Count() != 0 {
		t.Errorf("it reached the backend: %v", w.a.Seen(0))
	}
	w.logged(from, "status", "417", "origin", "downstream", "reason", "expectation_failed")
}
