//go:build cluster

package fault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

// usual is the load of all tests that say nothing else, in requests a second.
const usual = 200

// mostMissed is how many connections of a load may find that the node has no rule for the address. Linux may overlook one
// while kube-proxy changes others; that costs a single connection, which nothing of ours has seen. An address that were
// gone for only a tenth of a second would cost ten.
const mostMissed = 2

// load is a constant load, half on kept connections and half on new ones.
type load struct {
	stage *stage
	what  string
	ok    func(world.Answer) bool
	runs  map[string]*world.Run
}

func fromOne(a world.Answer) bool { return a.Status == http.StatusOK && a.Backend == "one" }

// load begins the usual load on steady.test, which "one" must answer.
func (s *stage) load() *load {
	s.T.Helper()
	return s.loadOf(usual, s.request(steady), "the backend one", fromOne)
}

func (s *stage) loadOf(rate int, request world.Request, what string, ok func(world.Answer) bool) *load {
	s.T.Helper()
	l := &load{s, what, ok, map[string]*world.Run{}}
	const longest = 4 * time.Minute
	for name, fresh := range map[string]bool{"kept": false, "new": true} {
		l.runs[name] = s.StartLoad(s.T, world.Load{Request: request, Rate: rate / 2, NewConnections: fresh, Clients: 500,
			Most: rate / 2 * int(longest.Seconds()), Until: harness.Scale(longest)})
	}
	l.more(rate)
	return l
}

// more waits for that many further answers.
func (l *load) more(number int) {
	l.stage.T.Helper()
	for _, run := range l.runs {
		run.More(l.stage.T, number/len(l.runs))
	}
}

// end ends it after some more requests, and judges all answers. What failed is told with the line that the access log of a
// data plane has of it, and with what the controllers say.
func (l *load) end(during string) []world.Answer {
	s := l.stage
	s.T.Helper()
	l.more(usual / 2)
	var all, failed []world.Answer
	missed := 0
	for name, run := range l.runs {
		answers := run.Stop()
		all = append(all, answers...)
		wrong := 0
		for _, answer := range answers {
			if errors.Is(answer.Err, syscall.EHOSTUNREACH) && missed < mostMissed {
				missed++
				s.T.Logf("%s: at %s, the node had no rule for a connection: %v", during, answer.Begun.Format(clock), answer.Err)
			} else if !l.ok(answer) {
				wrong++
				failed = append(failed, answer)
			}
		}
		if wrong > 0 {
			s.T.Errorf("%s: %d of %d requests on %s connections failed", during, wrong, len(answers), name)
		}
	}
	slices.SortFunc(all, func(a, b world.Answer) int { return a.Begun.Compare(b.Begun) })
	slices.SortFunc(failed, func(a, b world.Answer) int { return a.Begun.Compare(b.Begun) })
	took := slices.MaxFunc(all, func(a, b world.Answer) int { return int(a.Took - b.Took) }).Took
	s.T.Logf("%s: %d requests, %d failed, the longest took %v", during, len(all), len(failed), took.Round(time.Millisecond))
	const told = 6
	for i, answer := range failed {
		if i == told {
			s.T.Errorf("…and more, the last at %s", failed[len(failed)-1].Begun.Format(clock))
			break
		}
		lines := s.logs.find(s.Namespace, "", func(line string) bool { return strings.Contains(line, answer.ID) })
		s.T.Errorf("want %s; came, at %s: %s\naccess log: %s", l.what, answer.Begun.Format(clock), answer, strings.Join(lines, "\n"))
	}
	if len(failed) > 0 {
		s.tellOfFailures()
	}
	return all
}

// tellOfFailures logs what one needs to know to find out why requests failed: what the controllers and data planes said,
// those that are gone too, and whose readiness probes failed. The rest is told by Space.
func (s *stage) tellOfFailures() {
	begun := s.Begun.UTC().Format("2006-01-02T15:04:05")
	for _, namespace := range []string{world.SystemNamespace, s.Namespace} {
		lines := s.logs.find(namespace, "", func(line string) bool {
			// Of the access log, only what is said above.
			_, from, _ := strings.Cut(line, `"time":"`)
			return strings.Contains(line, `"level":`) && from >= begun
		})
		s.T.Logf("logs of %s:\n%s", namespace, strings.Join(lines, "\n"))
		for _, event := range s.List("Event", namespace, "") {
			s.T.Log(fmt.Sprintf("event at %s of %s: %s", event.Text("metadata", "creationTimestamp"), event.Text("regarding", "name"), event.Text("note")))
		}
	}
}
