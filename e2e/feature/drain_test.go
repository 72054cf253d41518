package feature

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// TestDrain: SIGTERM makes it unready, finishes what runs, takes new requests to the end and exits with 0.
func TestDrain(t *testing.T) {
	release := make(chan struct{})
	w := start(t, harness.Options{Args: []string{"--drain-seconds", "30"}}, func(x *harness.Exchange) {
		if x.Target == "/slow" {
			_ = x.WriteText("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
			<-release
			_ = x.WriteText("world")
			return
		}
		if x.Target == "/late" {
			<-release
		}
		harness.EchoID(x)
	})
	slow, late, idle := w.dial(), w.dial(), w.dial()
	wantStatus(t, exchange(t, idle, harness.Request{}), 200)
	slow.Send(harness.Request{Host: host, Target: "/slow"}.Bytes())
	late.Send(harness.Request{Host: host, Target: "/late", Fields: harness.Fields{field("X-Id", "1")}}.Bytes())
	w.a.WaitSeen(t, 0, 2, func(s *harness.Seen) bool { return s.Target == "/slow" || s.Target == "/late" })

	w.Signal(syscall.SIGTERM)
	harness.WaitFor(t, 5*time.Second, "/readyz to say no", func() (bool, string) {
		status, _, err := w.Get("/readyz")
		return err == nil && status == 503, fmt.Sprint(status, err)
	})
	if status, _, err := w.Get("/healthz"); err != nil || status != 200 {
		t.Errorf("/healthz in the drain: %d %v", status, err)
	}
	for range 5 {
		response := w.get("/new")
		if response.Status != 200 || !response.Closing() {
			t.Errorf("a new connection in the drain: %v", response)
		}
	}
	if !w.Running() {
		t.Fatal("it ended with requests in work")
	}
	close(release)
	if response := read(t, slow, "GET"); string(response.Body) != "helloworld" || response.Truncated {
		t.Errorf("the request in work: %v", response)
	}
	if response := read(t, late, "GET"); string(response.Body) != "id=1" {
		t.Errorf("the request in work: %v", response)
	} else if !response.Closing() {
		// A client that isn't told may send its next request into a connection that ends.
		t.Errorf("an answer that began in the drain doesn't say that the connection ends: %v", response)
	}
	wantClosed(t, late)
	wantClosed(t, idle)
	if code := w.WaitExit(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestSecondSignalIsFast(t *testing.T) {
	w := start(t, harness.Options{Args: []string{"--drain-seconds", "60"}}, func(x *harness.Exchange) { x.Gone(time.Minute); x.Close() })
	client := w.dial()
	client.Send(harness.Request{Host: host, Target: "/stuck"}.Bytes())
	w.a.WaitSeen(t, 0, 1, func(*harness.Seen) bool { return true })
	w.Signal(syscall.SIGTERM)
	harness.WaitFor(t, 5*time.Second, "/readyz to say no", func() (bool, string) {
		status, _, err := w.Get("/readyz")
		return err == nil && status == 503, fmt.Sprint(status, err)
	})
	started := time.Now()
	w.Signal(syscall.SIGTERM)
	w.WaitExit(t, 5*time.Second)
	within(t, "the end after the second signal", time.Since(started), 0, 2*time.Second)
}

func TestDrainHasAnEnd(t *testing.T) {
	w := start(t, harness.Options{Args: []string{"--drain-seconds", "1"}}, func(x *harness.Exchange) {
		if x.Target == "/stuck" {
			x.Gone(time.Minute)
			x.Close()
			return
		}
		switching(echo)(x)
	})
	stuck, tunnel := w.dial(), w.dial()
	stuck.Send(harness.Request{Host: host, Target: "/stuck"}.Bytes())
	wantStatus(t, exchange(t, tunnel, handshake("/")), 101)
	w.a.WaitSeen(t, 0, 2, func(*harness.Seen) bool { return true })
	started := time.Now()
	w.Signal(syscall.SIGTERM)
	// The tunnel goes on until the drain's end.
	tunnel.SendText("ping")
	if back, err := tunnel.ReadRaw(4); string(back) != "ping" {
		t.Errorf("the tunnel in the drain: %q %v", back, err)
	}
	if code := w.WaitExit(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	within(t, "the drain", time.Since(started), 900*time.Millisecond, 4*time.Second)
}

func TestDrainWithNothingToDo(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	started := time.Now()
	w.Signal(syscall.SIGTERM)
	if code := w.WaitExit(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	within(t, "the end", time.Since(started), 0, 8*time.Second)
}

// TestDrainUnderLoad: a constant load sees no cut answer; once the process is gone connections are refused, not reset.
func TestDrainUnderLoad(t *testing.T) {
	w := start(t, harness.Options{Workers: 2, Args: []string{"--drain-seconds", "10"}}, harness.EchoID)
	type result struct {
		err  error
		text string
	}
	results := make(chan result, 8)
	for worker := range 8 {
		go func() {
			n := 0
			var client *harness.Client
			for {
				if client == nil {
					var err error
					if client, err = harness.Dial(w.address()); err != nil {
						results <- result{nil, fmt.Sprint(n, " requests")}
						return
					}
				}
				n++
				id := fmt.Sprintf("%d-%d", worker, n)
				response, err := client.Exchange(harness.Request{Host: host, Fields: harness.Fields{field("X-Id", id)}})
				if err != nil {
					client.Close()
					// A connection that was taken from the queue by nobody when the process ended, before anything of it was read, is the
					// client's to try again; that one which had answered before may only end when it said so.
					if n > 1 && !w.Running() && err == harness.ErrNoAnswer {
						results <- result{nil, ""}
						return
					}
					results <- result{err, id}
					return
				}
				if string(response.Body) != "id="+id {
					results <- result{fmt.Errorf("the wrong answer: %v", response), id}
					return
				}
				if response.Closing() {
					client.Close()
					client = nil
				}
			}
		}()
	}
	w.a.WaitSeen(t, 0, 500, nil)
	w.Signal(syscall.SIGTERM)
	for range 8 {
		if r := <-results; r.err != nil {
			t.Errorf("request %s: %v", r.text, r.err)
		}
	}
	if code := w.WaitExit(t, 15*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
