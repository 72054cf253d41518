package hostile

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// answering is the hostile backend: /answer/N/DELIVERY gets answer N, everything else a good one.
func answering(answers []Answer) harness.Handler {
	return func(x *harness.Exchange) {
		parts := strings.Split(x.Target, "/")
		if len(parts) != 4 || parts[1] != "answer" {
			harness.EchoID(x)
			return
		}
		n, err := strconv.Atoi(parts[2])
		if err != nil || n >= len(answers) || x.ReadBody() != nil {
			return
		}
		raw := []byte(strings.ReplaceAll(answers[n].Raw, "{id}", x.ID()))
		d := whole
		if parts[3] == "bytes" {
			d = bytewise
		}
		for _, part := range d.parts(raw, answers[n].Name) {
			if x.Write(part) != nil {
				return
			}
		}
		switch answers[n].End {
		case "fin":
			x.CloseWrite()
			x.Gone(5 * time.Second)
		case "rst":
			x.Abort()
		}
	}
}

// TestHostileAnswers: the client gets a 502 or a clean answer, and the next request on its connection its own answer.
func TestHostileAnswers(t *testing.T) {
	answers := Answers()
	if len(answers) < 80 {
		t.Fatalf("%d answers, want 80 or more", len(answers))
	}
	report := &report{}
	gateway, lanes := gatewayWithLanes(t, 4, report, answering(answers))
	started := time.Now()
	tried := 0
	for _, a := range answers {
		if strings.Contains(a.Name, os.Getenv("HOSTILE")) {
			tried++
		}
	}
	each(lanes, len(answers), func(l *lane, task int) {
		a := answers[task]
		if !strings.Contains(a.Name, os.Getenv("HOSTILE")) {
			return
		}
		for _, d := range []string{"whole", "bytes"} {
			if got, err := l.askFor(a, task, d); err != nil {
				l.report.add(strings.Fields(a.Name)[0], "%s, %s: %v\n  backend sent: %q, then %q\n  client got: %v", a.Name, d, err, harness.Clip(a.Raw), a.End, got)
			}
		}
	})
	gateway.CheckAlive(t)
	report.finish(t, "answers", 2*tried)
	fmt.Printf("hostile: %d answers, each whole and byte by byte, in %v, %d failed\n", tried, time.Since(started).Round(time.Second), report.count())
}

func (l *lane) askFor(a Answer, n int, how string) (*harness.Response, error) {
	id := strconv.FormatInt(runs.Add(1), 10)
	client, err := harness.Dial(harness.Address(l.port))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	client.Timeout = harness.Scale(8 * time.Second)
	response, err := client.Exchange(harness.Request{Method: a.Method, Host: host, Target: fmt.Sprintf("/answer/%d/%s", n, how),
		Fields: append(harness.Fields{{Name: "X-Id", Value: id}}, a.Fields...)})
	if err != nil {
		if a.Cut && errors.Is(err, harness.ErrNoAnswer) {
			return nil, l.checkVictim()
		}
		return nil, fmt.Errorf("no good answer: %w", err)
	}
	if err := a.judge(response, id); err != nil {
		return response, err
	}
	if response.Closing() || response.Truncated {
		if err := l.closed(client); err != nil {
			return response, err
		}
	} else {
		next, err := client.Exchange(harness.Request{Host: host, Target: "/next", Fields: harness.Fields{{Name: "X-Id", Value: id + "-next"}}})
		if err != nil {
			return response, fmt.Errorf("the next request on the connection: %w", err)
		}
		if got := next.Fields.Get("X-Echo"); next.Status != 200 || got != id+"-next" || string(next.Body) != "id="+id+"-next" {
			return response, fmt.Errorf("the next request on the connection got status %d and the answer to %q: %q", next.Status, got, next.Body)
		}
	}
	return response, l.checkVictim()
}

func (a Answer) judge(got *harness.Response, id string) error {
	if len(got.Interim) > a.MaxInterim {
		return fmt.Errorf("%d interim answers, at most %d", len(got.Interim), a.MaxInterim)
	}
	for _, interim := range got.Interim {
		if interim.Status == 101 {
			return fmt.Errorf("an interim 101")
		}
	}
	if got.Status == 502 {
		if got.Fields.Has("X-Echo") || got.Fields.Has("Set-Cookie") {
			return fmt.Errorf("a 502 with fields of the backend")
		}
		if !a.Bad {
			return fmt.Errorf("a 502, wanted %d", a.Status)
		}
		if got.Truncated {
			return fmt.Errorf("a truncated 502")
		}
		return nil
	}
	if got.Truncated {
		if !a.Cut {
			return fmt.Errorf("a truncated answer")
		}
		return nil
	}
	if a.Good == nil {
		return fmt.Errorf("status %d and a complete answer", got.Status)
	}
	if got.Status != a.Status {
		return fmt.Errorf("status %d, wanted %d", got.Status, a.Status)
	}
	if string(got.Body) != *a.Good {
		return fmt.Errorf("body %q, wanted %q", harness.Clip(string(got.Body)), *a.Good)
	}
	if echo := got.Fields.Lines("X-Echo"); !slices.Equal(echo, []string{id}) {
		return fmt.Errorf("the answer belongs to %q, not to %q", echo, id)
	}
	for _, name := range append(a.Absent, "Transfer-Encoding ", "Keep-Alive", "Proxy-Connection") {
		if got.Fields.Has(name) {
			return fmt.Errorf("field %s is there", name)
		}
	}
	if len(got.Trailers) > 0 {
		return fmt.Errorf("trailers: %v", got.Trailers)
	}
	return nil
}

// TestUnaskedBytesEndAnIdleConnection: what a backend sends while nobody asked is never an answer to the next request.
func TestUnaskedBytesEndAnIdleConnection(t *testing.T) {
	poison := make(chan struct{})
	written, gone := make(chan struct{}), make(chan bool, 1)
	first := true
	report := &report{}
	_, lanes := gatewayWithLanes(t, 1, report, harness.EchoID)
	l := lanes[0]
	l.open.Handle(func(x *harness.Exchange) {
		harness.EchoID(x)
		if x.Target != "/first" || !first {
			return
		}
		first = false
		<-poison
		_ = x.WriteText("HTTP/1.1 200 OK\r\nX-Echo: evil\r\nContent-Length: 4\r\n\r\nevil")
		close(written)
		_, closed := x.Gone(5 * time.Second)
		gone <- closed
		x.Close()
	})
	client, err := harness.Dial(harness.Address(l.port))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := client.Exchange(harness.Request{Host: host, Target: "/first", Fields: harness.Fields{{Name: "X-Id", Value: "1"}}})
	if err != nil || response.Fields.Get("X-Echo") != "1" {
		t.Fatalf("%v %v", response, err)
	}
	close(poison)
	<-written // On loopback they have arrived then.
	response, err = client.Exchange(harness.Request{Host: host, Target: "/second", Fields: harness.Fields{{Name: "X-Id", Value: "2"}}})
	if err != nil || response.Fields.Get("X-Echo") != "2" {
		t.Errorf("%v %v", response, err)
	}
	if !<-gone {
		t.Errorf("the gateway keeps a connection on which bytes came that it didn't ask for")
	}
}

// TestAnswerBeforeTheBody: a backend answers on the head alone, and takes the body that follows for a request.
func TestAnswerBeforeTheBody(t *testing.T) {
	report := &report{}
	_, lanes := gatewayWithLanes(t, 1, report, harness.EchoID)
	l := lanes[0]
	l.open.Handle(func(x *harness.Exchange) {
		if !strings.HasPrefix(x.Target, "/early") {
			harness.EchoID(x)
			return
		}
		_ = x.Reply(200, harness.Fields{{Name: "X-Echo", Value: x.ID()}}, "early")
		if strings.HasSuffix(x.Target, "/ignores") {
			// The body is never read as one: whatever comes next on the connection is answered as a request would be.
			for {
				if _, err := x.ReadSome(make([]byte, 4096)); err != nil {
					break
				}
				if x.WriteText("HTTP/1.1 200 OK\r\nX-Echo: evil\r\nContent-Length: 4\r\n\r\nevil") != nil {
					break
				}
			}
			x.Close()
		}
	})
	body := strings.Repeat(smuggled, 20)
	for n, c := range []struct{ target, send string }{
		{"/early/ignores", body}, {"/early/ignores", body[:10]}, {"/early/ignores", ""}, {"/early/reads", body}, {"/early/reads", ""},
	} {
		t.Run(fmt.Sprintf("%s, %d bytes sent", c.target, len(c.send)), func(t *testing.T) {
			id := fmt.Sprintf("early-%d", n)
			client, err := harness.Dial(harness.Address(l.port))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			client.SendText(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n%s", c.target, host, id, len(body), c.send))
			response, err := client.Read("POST")
			if err != nil || response.Fields.Get("X-Echo") != id {
				t.Fatalf("%v %v", response, err)
			}
			for range 5 {
				if err := l.checkVictim(); err != nil {
					t.Fatal(err)
				}
			}
			// The rest of the body isn't a request: the connection ends, or goes on behind it.
			client.SendText(body[len(c.send):] + "GET /next HTTP/1.1\r\nHost: " + host + "\r\nX-Id: next\r\n\r\n")
			next, err := client.Read("GET")
			if err == nil && next.Fields.Get("X-Echo") != "next" {
				t.Errorf("behind the body: %v", next)
			}
			for _, seen := range l.open.Seen(0) {
				if seen.Target == "/smuggled" {
					t.Fatalf("the body became a request: %s", seen.String())
				}
			}
		})
	}
}
