//go:build cluster

package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"portreeve.dev/e2e/kube/world"
)

// stopServer kills the API server, and has it started again by the end of the test.
func (s *stage) stopServer() {
	s.T.Helper()
	s.T.Cleanup(func() { _ = s.Start("apiserver") })
	if err := s.Kill(s.T.Context(), "apiserver"); err != nil {
		s.T.Fatal(err)
	}
}

// startServer starts it, and waits until it answers.
func (s *stage) startServer() {
	s.T.Helper()
	if err := s.Start("apiserver"); err != nil {
		s.T.Fatal(err)
	}
	s.serverReady()
}

func (s *stage) serverReady() {
	s.T.Helper()
	s.WaitFor("the API server to be ready", func() (bool, string) {
		_, err := s.Call(context.Background(), http.MethodGet, "/readyz", "", nil)
		if err != nil {
			return false, err.Error()
		}
		return true, ""
	})
}

// The API server is away for half a minute: longer than a leader stays one without it.
func TestServerAway(t *testing.T) {
	const away = 30 * time.Second
	s := begin(t, "")
	s.route("changed", "one")
	s.served("changed.test", "one")
	load := s.load()
	s.stopServer()
	timer := time.NewTimer(away)
	select {
	case <-timer.C: // how long the fault lasts
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
	s.startServer()
	up := time.Now()
	s.route("changed", "two")
	s.route("made", "two")
	budget := s.Object("PodDisruptionBudget", dataPlanes).Text("metadata", "uid")
	s.Delete("PodDisruptionBudget", dataPlanes)
	s.within(promptly, up, "a change after the API server is back", func() (bool, string) {
		answer := s.Ask(s.request("changed.test"))
		return answer.Backend == "two", answer.String()
	})
	// What was provisioned is followed, too: what somebody takes away is made again.
	s.within(promptly, up, "another PodDisruptionBudget", func() (bool, string) {
		now := s.Object("PodDisruptionBudget", dataPlanes).Text("metadata", "uid")
		return now != "" && now != budget, now
	})
	s.served("made.test", "two")
	s.Resolved("made")
	s.Resolved("changed")
	s.Programmed("edge")
	load.end("the API server away")
	s.othersAnew()
}

// othersAnew starts Kubernetes' own clients again. After such a time without a server, each of them waits for up to half a
// minute until it asks again, and the next test would wait with them.
func (s *stage) othersAnew() {
	s.T.Helper()
	for _, component := range []string{"controller-manager", "scheduler", "kubelet", "proxy", "dns", "load-balancer"} {
		if err := errors.Join(s.Kill(s.T.Context(), component), s.Start(component)); err != nil {
			s.T.Fatal(err)
		}
	}
}

// etcd is restored to an older state, in which some routes are different, some are there again and some aren't there yet.
// Versions of objects begin again from there: whoever goes on from a later one would be told of nothing.
func TestServerRestored(t *testing.T) {
	s := begin(t, "")
	s.route("changed", "one")
	s.route("deleted", "one")
	for _, name := range []string{"changed", "deleted"} {
		s.served(name+".test", "one")
		s.Resolved(name)
	}
	s.Programmed("edge")
	begun := time.Now()
	if err := s.SaveState(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.serverReady()
	s.leader()
	t.Logf("saved in %.1f s", time.Since(begun).Seconds())
	s.route("changed", "nothing")
	s.Refused("HTTPRoute", "changed", "ResolvedRefs", "BackendNotFound")
	s.route("changed", "two")
	s.route("made", "two")
	s.Delete("HTTPRoute", "deleted")
	s.served("changed.test", "two")
	s.served("made.test", "two")
	s.Resolved("made")
	s.Answered(s.request("deleted.test"), http.StatusNotFound)

	// Straight to the data plane: the cluster's own proxy, which has to be started again, has no rules for a moment.
	direct := s.request(steady)
	direct.To = s.Pods("edge")[0].Text("status", "podIP")
	load := s.loadOf(usual, direct, "the backend one", fromOne)
	begun = time.Now()
	if err := s.RestoreState(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.serverReady()
	up := time.Now()
	t.Logf("restored in %.1f s", up.Sub(begun).Seconds())
	s.within(promptly, up, "the routes of the older state", func() (bool, string) {
		changed, deleted, made := s.Ask(s.request("changed.test")), s.Ask(s.request("deleted.test")), s.Ask(s.request("made.test"))
		return changed.Backend == "one" && deleted.Backend == "one" && made.Status == http.StatusNotFound,
			errors.Join(errors.New(changed.String()), errors.New(deleted.String()), errors.New(made.String())).Error()
	})
	// All of them are followed again, both ways.
	s.route("changed", "two")
	s.served("changed.test", "two")
	s.route("later", "nothing")
	s.Refused("HTTPRoute", "later", "ResolvedRefs", "BackendNotFound")
	s.route("later", "two")
	s.Resolved("later")
	s.served("later.test", "two")
	for _, name := range []string{"changed", "deleted", "steady"} {
		s.Resolved(name)
	}
	s.WaitObject("Gateway", "edge", "four routes attached", func(o world.Object) bool {
		return o.Number("status", "listeners", 0, "attachedRoutes") == 4 && o.Condition("Programmed").Is("True", o)
	})
	load.end("etcd restored")
	s.othersAnew()
}

// The same while no controller looks, and for so long that the versions of the older state have passed those that the
// controllers know: no number tells any more that what they know is of another past.
func TestServerRestoredUnseen(t *testing.T) {
	s := begin(t, "")
	s.route("changed", "one")
	s.route("deleted", "one")
	for _, name := range []string{"changed", "deleted"} {
		s.served(name+".test", "one")
		s.Resolved(name)
	}
	if err := s.SaveState(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.serverReady()
	s.route("changed", "two")
	s.route("made", "two")
	s.Delete("HTTPRoute", "deleted")
	s.served("changed.test", "two")
	s.served("made.test", "two")
	s.Answered(s.request("deleted.test"), http.StatusNotFound)
	controllers := s.controllers()
	goOn := func() {
		for _, pod := range controllers {
			if number := pid(pod, controllerProgram); number != 0 {
				_ = syscall.Kill(number, syscall.SIGCONT)
			}
		}
	}
	defer goOn()
	for _, pod := range controllers {
		s.signal(pod, syscall.SIGSTOP)
	}
	if err := s.RestoreState(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.serverReady()
	for i := range 300 {
		s.Apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: passing}\ndata: {number: \"%d\"}\n", i))
	}
	goOn()
	s.within(promptly, time.Now(), "the routes of the older state", func() (bool, string) {
		changed, deleted, made := s.Ask(s.request("changed.test")), s.Ask(s.request("deleted.test")), s.Ask(s.request("made.test"))
		return changed.Backend == "one" && deleted.Backend == "one" && made.Status == http.StatusNotFound, fmt.Sprintln(changed, deleted, made)
	})
}
