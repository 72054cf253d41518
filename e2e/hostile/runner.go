package hostile

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// lane is one listener with backends of its own, so that lanes run side by side and every request that reaches a
// backend belongs to the one case that is running in its lane.
type lane struct {
	port     int
	open     *harness.Backend // everything
	guard    *harness.Backend // /admin and below
	victim   *harness.Client  // another client, whose answers must stay its own
	report   *report
	attempts *atomic.Int64
	// The ids of earlier cases whose head may reach a backend: it may do so when the next case runs, but never whole.
	begun map[string]bool
}

// report collects what went wrong.
type report struct {
	mu     sync.Mutex
	total  int
	shown  []string
	counts map[string]int
}

// Of each class so many are shown, and so many end a run.
const (
	shownOfClass = 6
	enough       = 1500
)

func (r *report) add(class, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[class]++
	r.total++
	if r.counts[class] <= shownOfClass {
		r.shown = append(r.shown, fmt.Sprintf(format, args...))
	}
}

func (r *report) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

func (r *report) finish(t *testing.T, what string, total int) {
	t.Helper()
	for _, text := range r.shown {
		t.Error(text)
	}
	if r.total > 0 {
		t.Errorf("%d of %d %s failed, by class: %v; %d are shown", r.total, total, what, r.counts, len(r.shown))
	}
}

// gatewayWithLanes starts one gateway with n lanes.
func gatewayWithLanes(t *testing.T, n int, report *report, handler harness.Handler) (*harness.Gateway, []*lane) {
	t.Helper()
	folder := harness.NewFolder(t)
	attempts := &atomic.Int64{}
	var lanes []*lane
	var listeners []harness.Listener
	docs := []string{harness.Base()}
	for i := range n {
		l := &lane{port: harness.Port(t), report: report, attempts: attempts, begun: map[string]bool{}}
		l.open = harness.NewBackend(t, fmt.Sprintf("open-%d", i), handler)
		l.guard = harness.NewBackend(t, fmt.Sprintf("guard-%d", i), handler)
		listener := fmt.Sprintf("l-%d", i)
		listeners = append(listeners, harness.Listener{Name: listener, Port: l.port})
		docs = append(docs, l.open.Service(), l.guard.Service(), harness.RouteDoc("r-"+listener, "edge", listener, nil,
			harness.PrefixRule("/", l.open.Name, "")+harness.PrefixRule("/admin", l.guard.Name, "")))
		lanes = append(lanes, l)
	}
	folder.Apply(append(docs, harness.GatewayDoc("edge", listeners...))...)
	gateway := harness.Run(t, folder, harness.Options{Workers: 1})
	for _, l := range lanes {
		harness.WaitFor(t, 5*time.Second, fmt.Sprintf("port %d to serve", l.port), func() (bool, string) {
			response, err := harness.Do(harness.Address(l.port), harness.Request{Host: host})
			return err == nil && response.Status == 200, fmt.Sprint(response, err)
		})
	}
	return gateway, lanes
}

// delivery is how the bytes of a case are cut into writes.
type delivery string

const (
	whole    delivery = "whole"
	bytewise delivery = "byte by byte"
	cut      delivery = "cut"
)

func (d delivery) parts(raw []byte, name string) [][]byte {
	step := 1
	switch d {
	case whole:
		return [][]byte{raw}
	case bytewise:
		if len(raw) > 4096 {
			step = len(raw) / 1500
		}
	case cut:
		hash := fnv.New32a()
		hash.Write([]byte(name))
		seed := int(hash.Sum32() >> 1)
		var at []int
		for range 3 {
			at = append(at, seed%(len(raw)+1))
			seed = seed/7 + 131*len(raw)
		}
		slices.Sort(at)
		var parts [][]byte
		from := 0
		for _, to := range append(at, len(raw)) {
			if to > from {
				parts = append(parts, raw[from:to])
				from = to
			}
		}
		return parts
	}
	var parts [][]byte
	for from := 0; from < len(raw); from += step {
		parts = append(parts, raw[from:min(from+step, len(raw))])
	}
	return parts
}

var runs atomic.Int64

// run does one case in one delivery.
func (l *lane) run(c *Case, d delivery) {
	l.attempts.Add(1)
	id := strconv.FormatInt(runs.Add(1), 10)
	raw := []byte(strings.ReplaceAll(c.Raw, "{id}", id))
	openBefore, guardBefore := l.open.Count(), l.guard.Count()
	outcome, err := l.converse(c, id, d.parts(raw, c.Name))
	if err == nil {
		err = l.judge(c, id, outcome, openBefore, guardBefore)
	}
	if bodyMayBegin := c.Verdict == RefuseBody || c.Verdict == EitherBody || c.Verdict == Cut; bodyMayBegin && !outcome.forwarded {
		l.begun[id] = true
	}
	if err == nil {
		err = l.checkVictim()
	}
	if err != nil {
		var seen strings.Builder
		for _, s := range append(l.open.Seen(openBefore), l.guard.Seen(guardBefore)...) {
			seen.WriteString(s.String())
		}
		l.report.add(c.Class, "%s, %s: %v\n  wanted: %s %v %+v\n  sent: %q\n  answer: %v\n  backends: %s", c.Name, d, err, c.Verdict, c.Status, c.Want,
			harness.Clip(string(raw)), outcome.response, strings.ReplaceAll(seen.String(), "\n", "\n    "))
	}
}

// outcome is what the client saw.
type outcome struct {
	response  *harness.Response
	noAnswer  bool
	followed  bool // a second request on the connection got its answer
	forwarded bool // the answer is the backend's
}

func (l *lane) converse(c *Case, id string, parts [][]byte) (*outcome, error) {
	o := &outcome{}
	client, err := harness.Dial(harness.Address(l.port))
	if err != nil {
		return o, fmt.Errorf("the gateway doesn't accept: %w", err)
	}
	defer client.Close()
	client.Timeout = harness.Scale(4 * time.Second)
	client.SendParts(parts)
	if c.Half {
		client.CloseWrite()
	}
	o.response, err = client.Read(c.Method)
	switch {
	case err == nil:
	case errors.Is(err, harness.ErrNoAnswer):
		o.noAnswer = true
		return o, nil
	default:
		return o, fmt.Errorf("no good answer: %w", err)
	}
	o.forwarded = o.response.Fields.Has("X-Echo")
	if o.forwarded {
		if got := o.response.Fields.Get("X-Echo"); got != id {
			return o, fmt.Errorf("the answer belongs to request %q, not to %q", got, id)
		}
		if o.response.Closing() || c.Half {
			return o, l.closed(client)
		}
		// The next request on the connection must get its own answer.
		response, err := client.Exchange(harness.Request{Host: host, Target: "/after", Fields: harness.Fields{{Name: "X-Id", Value: id + "-after"}}})
		if err != nil {
			return o, fmt.Errorf("the next request on the connection: %w", err)
		}
		if got := response.Fields.Get("X-Echo"); got != id+"-after" {
			return o, fmt.Errorf("the next request on the connection got status %d for %q", response.Status, got)
		}
		o.followed = true
		return o, nil
	}
	if !c.Open || o.response.Closing() {
		return o, l.closed(client)
	}
	return o, nil
}

// closed says whether the gateway closes, without a further byte.
func (l *lane) closed(client *harness.Client) error {
	rest, closed := client.WaitClosed(2 * time.Second)
	if len(rest) > 0 {
		return fmt.Errorf("after its last answer the connection goes on: %q", harness.Clip(string(rest)))
	}
	if !closed {
		return fmt.Errorf("the connection isn't closed")
	}
	return nil
}

func (l *lane) judge(c *Case, id string, o *outcome, openBefore, guardBefore int) error {
	open := slices.DeleteFunc(l.open.Seen(openBefore), l.late)
	guard := slices.DeleteFunc(l.guard.Seen(guardBefore), l.late)
	if o.followed {
		open = slices.DeleteFunc(open, func(s harness.Seen) bool { return s.Target == "/after" && s.ID() == id+"-after" })
	}
	if o.forwarded {
		if c.Verdict == Refuse || c.Verdict == RefuseBody || c.Verdict == Cut {
			return fmt.Errorf("it was forwarded")
		}
		return judgeForwarded(c, id, open, guard)
	}
	if c.Verdict == Forward {
		return fmt.Errorf("it wasn't forwarded")
	}
	if o.response != nil {
		allowed := c.Status
		if len(allowed) == 0 {
			allowed = []int{400}
		}
		if !slices.Contains(allowed, o.response.Status) {
			return fmt.Errorf("status %d, allowed are %v", o.response.Status, allowed)
		}
	} else if c.Verdict != Cut && !c.Silent {
		return fmt.Errorf("the connection was closed without an answer")
	}
	seen := append(open, guard...)
	if len(seen) == 0 {
		return nil
	}
	if c.Verdict == Refuse || c.Verdict == Either {
		return fmt.Errorf("something reached a backend")
	}
	if len(seen) > 1 {
		return fmt.Errorf("%d requests reached a backend", len(seen))
	}
	// An incomplete request may have begun; its connection must end.
	backend, before := l.open, openBefore
	if len(guard) > 0 {
		backend, before = l.guard, guardBefore
	}
	var now harness.Seen
	text, ended := harness.Poll(2*time.Second, func() (bool, string) {
		rest := slices.DeleteFunc(backend.Seen(before), l.late)
		if len(rest) > 0 {
			now = rest[0]
		}
		return now.Complete || now.Err != nil, fmt.Sprint(rest)
	})
	switch {
	case !ended:
		return fmt.Errorf("the backend's connection with half a request stays open: %s", text)
	case now.Complete:
		return fmt.Errorf("a complete request reached a backend")
	case harness.IsWireError(now.Err) || len(now.Faults) > 0:
		return fmt.Errorf("what reached the backend isn't canonical: %v %v", now.Err, now.Faults)
	}
	return nil
}

func judgeForwarded(c *Case, id string, open, guard []harness.Seen) error {
	if len(open)+len(guard) != 1 {
		return fmt.Errorf("%d requests reached backends", len(open)+len(guard))
	}
	seen, at := append(open, guard...)[0], ""
	if len(guard) == 1 {
		at = "!"
	}
	want := c.Want
	switch {
	case !seen.Complete:
		return fmt.Errorf("the request at the backend is incomplete: %v", seen.Err)
	case len(seen.Faults) > 0:
		return fmt.Errorf("the request at the backend isn't canonical: %v", seen.Faults)
	case seen.ID() != id:
		return fmt.Errorf("the request at the backend has the id %q", seen.ID())
	case want.Method != "" && seen.Method != want.Method:
		return fmt.Errorf("method %q, want %q", seen.Method, want.Method)
	case want.Host != "" && looseHost(seen.Fields.Get("Host")) != looseHost(want.Host):
		return fmt.Errorf("host %q, want %q", seen.Fields.Get("Host"), want.Host)
	case want.Body != nil && string(seen.Bytes) != *want.Body:
		return fmt.Errorf("body %q, want %q", harness.Clip(string(seen.Bytes)), harness.Clip(*want.Body))
	case want.Framing != "" && seen.Framing != want.Framing:
		return fmt.Errorf("framed by %q, want %q", seen.Framing, want.Framing)
	}
	if len(want.Targets) == 0 && at != "" && !want.AnyOf {
		return fmt.Errorf("it reached the guarded backend")
	}
	if len(want.Targets) > 0 && !slices.Contains(want.Targets, at+seen.Target) && !(want.AnyOf && slices.Contains(want.Targets, seen.Target)) {
		return fmt.Errorf("target %q (! is the guarded backend), want one of %q", at+seen.Target, want.Targets)
	}
	for _, field := range want.Has {
		if got := seen.Fields.Get(field.Name); got != field.Value {
			return fmt.Errorf("field %s is %q, want %q", field.Name, got, field.Value)
		}
	}
	for _, name := range want.Absent {
		if seen.Fields.Has(name) {
			return fmt.Errorf("field %s is there: %q", name, seen.Fields.Get(name))
		}
	}
	if want.Without != "" && strings.Contains(seen.Fields.String(), want.Without) {
		return fmt.Errorf("%q is in a field", want.Without)
	}
	return nil
}

func looseHost(host string) string {
	host = strings.ToLower(host)
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":")
	return strings.TrimSuffix(host, ".")
}

// late says whether what a backend saw is what is left of an earlier case. Without an id its head is still being read.
func (l *lane) late(seen harness.Seen) bool {
	known := l.begun[seen.ID()] || seen.Method == "" && seen.Err == nil
	return known && !seen.Complete && len(seen.Faults) == 0 && !harness.IsWireError(seen.Err)
}

// settle waits until what refused cases began at the backends has ended, sees that none of it came whole, and forgets
// all that was seen.
func (l *lane) settle() {
	for _, backend := range []*harness.Backend{l.open, l.guard} {
		text, ended := harness.Poll(4*time.Second, func() (bool, string) {
			for _, seen := range backend.Seen(0) {
				if (l.begun[seen.ID()] || seen.Method == "") && !seen.Complete && seen.Err == nil {
					return false, seen.String()
				}
			}
			return true, ""
		})
		if !ended {
			l.report.add("end", "a request at a backend doesn't end: %s", text)
		}
		for _, seen := range backend.Seen(0) {
			if l.begun[seen.ID()] && (seen.Complete || len(seen.Faults) > 0 || harness.IsWireError(seen.Err)) {
				l.report.add("end", "a case that was refused reached a backend whole: %s", seen.String())
			}
		}
		backend.Forget()
	}
	clear(l.begun)
}

// checkVictim sends a request of another client, which uses the same connections to the backend.
func (l *lane) checkVictim() error {
	id := "victim-" + strconv.FormatInt(runs.Add(1), 10)
	before, guardBefore := l.open.Count(), l.guard.Count()
	if l.victim == nil {
		client, err := harness.Dial(harness.Address(l.port))
		if err != nil {
			return fmt.Errorf("another client's connection: %w", err)
		}
		client.Timeout = harness.Scale(4 * time.Second)
		l.victim = client
	}
	response, err := l.victim.Exchange(harness.Request{Host: host, Target: "/victim", Fields: harness.Fields{{Name: "X-Id", Value: id}}})
	if err != nil {
		l.victim.Close()
		l.victim = nil
		return fmt.Errorf("another client's request: %w", err)
	}
	if response.Closing() {
		l.victim.Close()
		l.victim = nil
	}
	if got := response.Fields.Get("X-Echo"); got != id || response.Status != 200 {
		return fmt.Errorf("another client's request %q got status %d and the answer to %q", id, response.Status, got)
	}
	for _, seen := range append(l.open.Seen(before), l.guard.Seen(guardBefore)...) {
		if seen.ID() != id && !l.late(seen) {
			return fmt.Errorf("a request came late to a backend: %s", seen.String())
		}
	}
	return nil
}

// each runs work in every lane at once; a lane stops when there are too many faults already.
func each(lanes []*lane, tasks int, work func(l *lane, task int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	for _, l := range lanes {
		running.Go(func() {
			for task := int(next.Add(1)) - 1; task < tasks && l.report.count() <= enough; task = int(next.Add(1)) - 1 {
				work(l, task)
				if task%200 == 199 {
					l.settle()
				}
			}
			l.settle()
		})
	}
	running.Wait()
}
