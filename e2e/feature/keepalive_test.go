package feature

import (
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/harness"
)

func TestKeepAlive(t *testing.T) {
	w := start(t, harness.Options{}, harness.EchoID)
	client := w.dial()
	for n := range 200 {
		response := exchange(t, client, harness.Request{Fields: harness.Fields{field("X-Id", fmt.Sprint(n))}})
		if response.Status != 200 || string(response.Body) != fmt.Sprintf("id=%d", n) {
			t.Fatalf("request %d: %v", n, response)
		}
	}
	if accepted, _ := w.a.Conns(); accepted > 2 {
		t.Errorf("200 requests in a row took %d connections to the backend", accepted)
	}
}

func TestConnectionClose(t *testing.T) {
	w := start(t, harness.Options{}, harness.EchoID)
	for _, value := range []string{"close", "Close", "keep-alive, close", "x, CLOSE"} {
		client := w.dial()
		response := exchange(t, client, harness.Request{Fields: harness.Fields{field("Connection", value)}})
		wantStatus(t, response, 200)
		if !response.Closing() {
			t.Errorf("Connection: %s: the answer doesn't say close", value)
		}
		wantClosed(t, client)
	}
}

// TestPipeliningKeepsOrder: the second request is answered by a faster backend, and still comes second.
func TestPipeliningKeepsOrder(t *testing.T) {
	release := make(chan struct{})
	w := start(t, harness.Options{}, func(x *harness.Exchange) {
		if x.Target == "/slow" {
			<-release
		}
		harness.EchoID(x)
	})
	client := w.dial()
	var all strings.Builder
	for n := range 20 {
		target := "/fast"
		if n%5 == 0 {
			target = "/slow"
		}
		body := strings.Repeat("x", n*100)
		all.Write(harness.Request{Method: "POST", Target: target, Host: host, Fields: harness.Fields{field("X-Id", fmt.Sprint(n))}, Body: []byte(body)}.Bytes())
	}
	client.SendText(all.String())
	w.a.WaitSeen(t, 0, 1, func(*harness.Seen) bool { return true })
	close(release)
	for n := range 20 {
		if response := read(t, client, "POST"); string(response.Body) != fmt.Sprintf("id=%d", n) {
			t.Fatalf("answer %d: %v", n, response)
		}
	}
	// One request of a connection is in work at a time, so they reached the backend in order.
	for n, seen := range w.a.Seen(0) {
		if seen.ID() != fmt.Sprint(n) || len(seen.Bytes) != n*100 {
			t.Fatalf("request %d at the backend: %s", n, seen.String())
		}
	}
}

func TestUpstreamConnectionsAreShared(t *testing.T) {
	w := start(t, harness.Options{}, harness.EchoID)
	for n := range 50 {
		client := w.dial()
		wantStatus(t, exchange(t, client, harness.Request{Fields: harness.Fields{field("X-Id", fmt.Sprint(n))}}), 200)
		client.Close()
	}
	if accepted, _ := w.a.Conns(); accepted > 3 {
		t.Errorf("50 connections of clients, one after the other, took %d connections to the backend", accepted)
	}
}
