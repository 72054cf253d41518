package cases

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// Run does a case's steps with a gateway that starts at that place.
func Run(t testing.TB, c *Case, place Place) {
	t.Helper()
	w := newWorld(t, c, place)
	defer w.stopLoad()
	if err := place.Start(c.Resources); err != nil {
		t.Fatalf("case %s, at the start: %v", c.Name, err)
	}
	w.mark()
	for i := range c.Steps {
		err := w.step(&c.Steps[i])
		if broken := place.Check(); broken != nil {
			err = errors.Join(err, broken)
		}
		if err != nil {
			t.Fatalf("case %s, step %d (%s): %v", c.Name, i+1, c.Steps[i].title(), err)
		}
	}
	if err := w.endLoad(); err != nil {
		t.Fatalf("case %s, `during` at the end: %v", c.Name, err)
	}
}

func (s *Step) title() string {
	switch {
	case s.Request != nil:
		return fmt.Sprintf("request %s http(s)://%s%s by %s", s.Request.method(), harness.Clip(s.Request.Host), harness.Clip(s.Request.target()), s.Request.Listener)
	case s.Raw != nil:
		return fmt.Sprintf("raw %q", harness.Clip((*s.Raw)[0]))
	case s.Apply != nil:
		return "apply"
	case s.Delete != nil:
		return fmt.Sprintf("delete %v", s.Delete)
	case s.Status != nil:
		return fmt.Sprintf("status of %s %s/%s", s.Status.Kind, s.Status.Namespace, s.Status.Name)
	default:
		return fmt.Sprintf("tls %s", s.TLS.Listener)
	}
}

func (w *world) mark() {
	w.changed, w.first = time.Now(), true
}

func (w *world) step(s *Step) error {
	switch {
	case s.Apply != nil:
		if err := w.endLoad(); err != nil {
			return fmt.Errorf("the `during` before it: %w", err)
		}
		if s.During != nil {
			if err := w.startLoad(s.During); err != nil {
				return err
			}
		}
		if err := w.place.Apply(*s.Apply); err != nil {
			return err
		}
		w.mark()
		return nil
	case s.Delete != nil:
		if err := w.endLoad(); err != nil {
			return fmt.Errorf("the `during` before it: %w", err)
		}
		for _, ref := range s.Delete {
			if err := w.place.Delete(ref); err != nil {
				return err
			}
		}
		w.mark()
		return nil
	case s.Status != nil:
		return w.settled(func() error { return w.checkStatus(s.Status) })
	case s.TLS != nil:
		return w.settled(func() error { return w.checkTLS(s.TLS) })
	case s.Shares != nil:
		return w.settled(func() error { return w.checkShares(s) })
	default:
		return w.settled(func() error { return w.checkTimes(s) })
	}
}

// settled repeats a check until it holds; the first one after a change must hold three times in a row.
func (w *world) settled(check func() error) error {
	deadline := w.changed.Add(harness.Scale(w.place.Settle()))
	held := 0
	for {
		err := check()
		if err == nil {
			held++
			if !w.first || held == 3 {
				break
			}
			continue
		}
		held = 0
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond) // between two looks, until the deadline of the format
	}
	if w.first {
		w.first = false
		if w.load != nil {
			w.load.shown = time.Now()
		}
	}
	return nil
}

func (w *world) checkTimes(s *Step) error {
	for n := 0; n < max(1, s.Times); n++ {
		var err error
		if s.Request != nil {
			err = w.checkRequest(s)
		} else {
			err = w.checkRaw(s)
		}
		if err != nil {
			if s.Times > 1 {
				return fmt.Errorf("request %d of %d: %w", n+1, s.Times, err)
			}
			return err
		}
	}
	return nil
}

func (s *Step) outcomes() []Outcome {
	if s.AnyOf != nil {
		return s.AnyOf
	}
	return []Outcome{{Response: s.Response, Backend: s.Backend, responses: s.Responses}}
}

// answers is what came on a connection.
type answers struct {
	list   []*harness.Response
	err    error // instead of, or after, the answers
	closed bool  // the gateway closed in time; known only if it was asked for
}

func (a answers) String() string {
	var text strings.Builder
	for _, response := range a.list {
		for _, interim := range response.Interim {
			fmt.Fprintf(&text, "interim %d\n", interim.Status)
		}
		text.WriteString(response.String() + "\n")
	}
	if a.err != nil {
		fmt.Fprintf(&text, "then: %v\n", a.err)
	}
	return text.String()
}

func (w *world) checkRequest(s *Step) error {
	counts := w.countAll()
	got := answers{}
	response, client, err := w.ask(s.Request)
	if client != nil {
		defer client.Close()
	}
	if got.err = err; err == nil {
		got.list = append(got.list, response)
		if s.Echo != "" && response.Status == 101 {
			client.SendText(s.Echo)
			back, err := client.ReadRaw(len(s.Echo))
			if string(back) != s.Echo {
				return fmt.Errorf("echo: wanted %q, got %q, %v\n%s", s.Echo, back, err, describe(w.newRequests(counts)))
			}
		}
	}
	return w.judge(s, got, client, counts, 1)
}

func (w *world) checkRaw(s *Step) error {
	counts := w.countAll()
	listener := s.Listener
	if listener == "" {
		listener = "http"
	}
	all := strings.Join(*s.Raw, "")
	host := regexp.MustCompile(`(?i)\r\nhost:[ \t]*([^\r\n:]*)`).FindStringSubmatch(all)
	sni := ""
	if host != nil {
		sni = host[1]
	}
	got := answers{}
	sent := methods([]byte(all))
	client, err := w.dial(listener, sni)
	if err != nil {
		got.err = err
		return w.judge(s, got, nil, counts, len(sent))
	}
	defer client.Close()
	client.Timeout = harness.Scale(20 * time.Second)
	expected := max(1, len(s.Responses))
	parts := *s.Raw
	client.SendText(parts[0])
	parts = parts[1:]
	var interim []*harness.Response
	for len(got.list) < expected && got.err == nil {
		if len(parts) > 0 && !client.Pending(time.Second) {
			client.SendText(parts[0])
			parts = parts[1:]
			continue
		}
		method := "GET"
		if len(got.list) < len(sent) {
			method = sent[len(got.list)]
		}
		var response *harness.Response
		if response, got.err = client.ReadOne(method); got.err != nil {
			break
		}
		if response.Status < 200 && response.Status != 101 {
			interim = append(interim, response)
			if len(parts) > 0 {
				client.SendText(parts[0])
				parts = parts[1:]
			}
			continue
		}
		response.Interim, interim = interim, nil
		got.list = append(got.list, response)
		parts = nil // none once a final answer has begun
	}
	return w.judge(s, got, client, counts, len(sent))
}

// judge says whether one of the outcomes that the step allows is what came.
func (w *world) judge(s *Step, got answers, client *harness.Client, counts map[string]int, sent int) error {
	var problems []string
	for _, outcome := range s.outcomes() {
		wanted := outcome.responses
		if wanted == nil && outcome.Response != nil {
			wanted = []*Response{outcome.Response}
		}
		err := w.matchAnswers(s, wanted, got, client)
		if err == nil && outcome.Backend != nil {
			err = w.matchBackend(outcome.Backend, counts, sent)
		}
		if err == nil {
			return nil
		}
		problems = append(problems, err.Error())
	}
	return fmt.Errorf("%s\nwhat came:\n%swhat the backends saw:\n%s", strings.Join(problems, "\nor: "), indent(got.String()),
		indent(describe(w.newRequests(counts))))
}

// checkShares sends N requests and counts who answered what.
func (w *world) checkShares(s *Step) error {
	type who struct {
		status  int
		backend string
	}
	tally := map[who]int{}
	for n := 0; n < s.Times; n++ {
		counts := w.countAll()
		response, client, err := w.ask(s.Request)
		if client != nil {
			client.Close()
		}
		if err != nil {
			return fmt.Errorf("request %d of %d: %w", n+1, s.Times, err)
		}
		backend := "none"
		for letter, list := range w.newRequests(counts) {
			if backend != "none" || len(list) != 1 {
				return fmt.Errorf("request %d of %d reached backends more than once:\n%s", n+1, s.Times, describe(w.newRequests(counts)))
			}
			backend = letter
		}
		tally[who{response.Status, backend}]++
	}
	var problems []string
	expected := map[who]bool{}
	for _, share := range s.Shares {
		key := who{share.Status, share.Backend}
		expected[key] = true
		if got := float64(tally[key]) / float64(s.Times); math.Abs(got-share.Share) > s.Within {
			problems = append(problems, fmt.Sprintf("status %d by %s: wanted a share of %.3f ± %.3f, got %.3f", share.Status, share.Backend, share.Share, s.Within, got))
		}
	}
	for key, count := range tally {
		if !expected[key] {
			problems = append(problems, fmt.Sprintf("%d answers of status %d by %s, which isn't among the shares", count, key.status, key.backend))
		}
	}
	if problems != nil {
		return errors.New(strings.Join(problems, "; "))
	}
	return nil
}

func (w *world) checkTLS(want *TLS) error {
	sni := want.SNI.Value
	if want.SNI.ShortTag() == "!!null" {
		sni = ""
	}
	shown := [][]byte{}
	config := &tls.Config{NextProtos: []string{"http/1.1"}, VerifyPeerCertificate: nil}
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		for _, certificate := range state.PeerCertificates {
			shown = append(shown, certificate.Raw)
		}
		return nil
	}
	conn, err := w.connect(want.Listener)
	if err != nil {
		if want.Refused && refused(err) {
			return nil
		}
		return fmt.Errorf("wanted a handshake with SNI %q: %w", sni, err)
	}
	client, err := harness.NewTLSClient(conn, sni, config)
	if err == nil {
		defer client.Close()
	}
	if want.Refused {
		if err == nil || len(shown) > 0 {
			return fmt.Errorf("wanted the handshake with SNI %q to be refused; it completed: %v, certificates shown: %d", sni, err == nil, len(shown))
		}
		return nil
	}
	certificate := w.certs[want.Certificate]
	if certificate == nil {
		w.t.Fatalf("no certificate %q", want.Certificate)
	}
	if err != nil {
		return fmt.Errorf("wanted certificate %s for SNI %q: %w", want.Certificate, sni, err)
	}
	if len(shown) == 0 || string(shown[0]) != string(certificate.Leaf.Raw) {
		name := "an unknown one"
		for other, candidate := range w.certs {
			if len(shown) > 0 && string(shown[0]) == string(candidate.Leaf.Raw) {
				name = other
			}
		}
		return fmt.Errorf("wanted certificate %s for SNI %q, got %s", want.Certificate, sni, name)
	}
	return nil
}
