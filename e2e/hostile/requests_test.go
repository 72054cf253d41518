package hostile

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"portreeve.dev/e2e/harness"
)

func TestCorpus(t *testing.T) {
	cases := Corpus()
	classes := map[string]int{}
	raws := map[string]string{}
	for _, c := range cases {
		classes[c.Class]++
		if c.Raw == "" || c.Method == "" && !strings.HasPrefix(c.Raw, " ") {
			t.Errorf("%s: no bytes, or no method", c.Name)
		}
		raws[c.Raw+c.Verdict.String()] = c.Name
	}
	fmt.Printf("hostile: %d cases, %d distinct: %v\n", len(cases), len(raws), classes)
	if len(raws) < 1000 {
		t.Errorf("%d distinct cases, want 1000 or more", len(raws))
	}
	again := Corpus()
	for i := range cases {
		if cases[i].Raw != again[i].Raw || cases[i].Name != again[i].Name {
			t.Fatalf("the corpus differs from itself at %s", cases[i].Name)
		}
	}
}

// TestHostileRequests sends every case in every delivery. HOSTILE=TEXT runs only the cases whose name holds the text.
func TestHostileRequests(t *testing.T) {
	report := &report{}
	var lanes []*lane
	var gateways []*harness.Gateway
	for range 2 {
		gateway, more := gatewayWithLanes(t, 4, report, harness.EchoID)
		gateways, lanes = append(gateways, gateway), append(lanes, more...)
	}
	var cases []Case
	for _, c := range Corpus() {
		if strings.Contains(c.Name, os.Getenv("HOSTILE")) {
			cases = append(cases, c)
		}
	}
	started := time.Now()
	each(lanes, len(cases), func(l *lane, task int) {
		for _, d := range []delivery{whole, bytewise, cut} {
			l.run(&cases[task], d)
		}
	})
	runs := 0
	for _, gateway := range gateways {
		gateway.CheckAlive(t)
		checkAccessLog(t, gateway)
	}
	for _, l := range lanes[:1] {
		runs += int(l.attempts.Load())
	}
	runs += int(lanes[len(lanes)-1].attempts.Load())
	report.finish(t, "runs", runs)
	fmt.Printf("hostile: %d runs of %d cases in %v, %d failed\n", runs, len(cases), time.Since(started).Round(time.Second), report.count())
}

// checkAccessLog: whatever stood in a request, a line of the log is one JSON object in UTF-8 with its words.
func checkAccessLog(t *testing.T, gateway *harness.Gateway) {
	t.Helper()
	bad := 0
	lines := gateway.Stdout.All()
	for _, line := range lines {
		var object map[string]any
		err := json.Unmarshal([]byte(line), &object)
		switch {
		case err != nil:
		case !utf8.ValidString(line):
			err = fmt.Errorf("not UTF-8")
		case strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 || r == 0x7f }):
			err = fmt.Errorf("a control character")
		default:
			for _, word := range []string{"time", "kind", "client", "origin", "phase", "reason"} {
				if _, has := object[word]; !has {
					err = fmt.Errorf("no %q", word)
				}
			}
		}
		if err != nil {
			if bad++; bad <= 5 {
				t.Errorf("access log: %v in %q", err, harness.Clip(line))
			}
		}
	}
	if len(lines) == 0 {
		t.Errorf("the access log is empty")
	}
	if bad > 5 {
		t.Errorf("access log: %d bad lines", bad)
	}
}

// TestPipelines: answers come in order, and a bad request ends the connection after the answers to those before it.
func TestPipelines(t *testing.T) {
	report := &report{}
	_, lanes := gatewayWithLanes(t, 1, report, harness.EchoID)
	l := lanes[0]
	one := func(id string) string {
		return "GET /x HTTP/1.1\r\nHost: " + host + "\r\nX-Id: " + id + "\r\n\r\n"
	}
	withBody := func(id string) string {
		return "POST /x HTTP/1.1\r\nHost: " + host + "\r\nX-Id: " + id + "\r\nContent-Length: 5\r\n\r\nhello"
	}
	chunkedBody := func(id string) string {
		return "POST /x HTTP/1.1\r\nHost: " + host + "\r\nX-Id: " + id + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
	}
	bad := "GET /x HTTP/1.1\r\nHost: a/b\r\nX-Id: bad\r\n\r\n"
	badBody := "POST /x HTTP/1.1\r\nHost: " + host + "\r\nX-Id: bad\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
	for _, p := range []struct {
		name string
		raw  string
		good int
		bad  bool
	}{
		{"three", one("1") + one("2") + one("3"), 3, false},
		{"bodies", withBody("1") + chunkedBody("2") + one("3") + withBody("4"), 4, false},
		{"good then bad", one("1") + bad + one("3"), 1, true},
		{"two good then bad", withBody("1") + one("2") + bad + one("4"), 2, true},
		{"good then a bad body", one("1") + badBody + one("3"), 1, true},
		{"a body, then a line that ends it", withBody("1") + "\nGET /smuggled HTTP/1.1\r\n\r\n", 1, true},
		{"a longer body than its length", strings.Replace(withBody("1"), "hello", "hello)", 1) + one("2"), 1, true},
	} {
		for _, d := range []delivery{whole, bytewise} {
			t.Run(p.name+" "+string(d), func(t *testing.T) {
				before := l.open.Count()
				client, err := harness.Dial(harness.Address(l.port))
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				client.SendParts(d.parts([]byte(p.raw), p.name))
				for n := 1; n <= p.good; n++ {
					response, err := client.Read("GET")
					if err != nil || response.Fields.Get("X-Echo") != fmt.Sprint(n) {
						t.Fatalf("answer %d: %v %v", n, response, err)
					}
				}
				if p.bad {
					response, err := client.Read("GET")
					if err != nil || response.Status != 400 {
						t.Fatalf("wanted 400, got %v %v", response, err)
					}
					if rest, closed := client.WaitClosed(2 * time.Second); !closed || len(rest) > 0 {
						t.Errorf("closed %v, further bytes %q", closed, rest)
					}
				}
				complete := 0
				for _, seen := range l.open.Seen(before) {
					if seen.Complete {
						complete++
					}
				}
				if complete != p.good {
					t.Errorf("the backend got %d requests, want %d: %v", complete, p.good, l.open.Seen(before))
				}
			})
		}
	}
	t.Run("1000 at once", func(t *testing.T) {
		client, err := harness.Dial(harness.Address(l.port))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		var raw strings.Builder
		for n := range 1000 {
			raw.WriteString(one(fmt.Sprint(n)))
		}
		client.SendText(raw.String())
		for n := range 1000 {
			response, err := client.Read("GET")
			if err != nil || response.Fields.Get("X-Echo") != fmt.Sprint(n) {
				t.Fatalf("answer %d: %v %v", n, response, err)
			}
		}
	})
}
