//go:build cluster

package fault

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"portreeve.dev/e2e/kube/world"
)

// The leader is killed: another replica leads. Then all are killed: what is changed meanwhile is there when they are.
func TestControllersKilled(t *testing.T) {
	s := begin(t, "")
	s.route("changed", "one")
	s.route("deleted", "one")
	s.served("changed.test", "one")
	s.served("deleted.test", "one")
	load := s.load()

	leader, before := s.leader(), s.renewed()
	killed := time.Now()
	s.signal(leader, syscall.SIGKILL)
	s.passesOn(before, killed)
	s.route("after", "two")
	s.Resolved("after")
	s.served("after.test", "two")

	s.kubeletPaused(func() {
		for _, pod := range s.controllers() {
			if number := pid(pod, controllerProgram); number != 0 { // the one from before may still be waiting for its turn
				s.signal(pod, syscall.SIGKILL)
			}
		}
		s.WaitFor("no controller to run", func() (bool, string) {
			for _, pod := range s.controllers() {
				if pid(pod, controllerProgram) != 0 {
					return false, pod.Name()
				}
			}
			return true, ""
		})
		s.route("changed", "two")
		s.route("made", "two")
		s.Delete("HTTPRoute", "deleted")
		load.more(usual)
	})
	back := time.Now()
	s.served("changed.test", "two")
	s.served("made.test", "two")
	s.Answered(s.request("deleted.test"), 404)
	t.Logf("what was changed meanwhile is served %.1f s after the kubelet may start controllers again", time.Since(back).Seconds())
	s.Resolved("made")
	s.Resolved("changed")
	s.Programmed("edge")
	load.end("controllers killed")
}

// The leader is paused, as a machine that is short of memory does it: another replica leads, and when the first one goes
// on, with what it knew then, it changes nothing.
func TestLeaderPaused(t *testing.T) {
	s := begin(t, "")
	s.route("changed", "one")
	s.served("changed.test", "one")
	s.Resolved("changed")
	// The data plane must follow the one that is paused, or that one couldn't tell it anything.
	leader := s.leader()
	if s.connected(leader, s.Pods("edge")) == 0 {
		s.World.Delete(t, "Pod", world.SystemNamespace, leader.Name())
		s.WaitFor("the other one to lead", func() (bool, string) {
			now := s.leads()
			return now != nil && now.Name() != leader.Name(), s.lease().String()
		})
		leader = s.leader()
	}
	s.WaitFor("the data plane to follow the leader", func() (bool, string) {
		return s.connected(leader, s.Pods("edge")) == 1, leader.Name()
	})
	s.controllersReady()
	load := s.load()

	var next world.Object
	var goesOn time.Time
	// Otherwise the kubelet ends it for not answering.
	s.kubeletPaused(func() {
		before := s.renewed()
		number, paused := pid(leader, controllerProgram), time.Now()
		s.signal(leader, syscall.SIGSTOP)
		defer syscall.Kill(number, syscall.SIGCONT)
		next = s.passesOn(before, paused)
		s.route("changed", "two")
		s.route("made", "two")
		s.Resolved("changed")
		s.Resolved("made")
		load.more(usual)
		goesOn = time.Now()
		mark := s.AuditMark(t)
		s.signal(leader, syscall.SIGCONT)
		s.served("changed.test", "two")
		changed := s.loadOf(usual/4, s.request("changed.test"), "the backend two, as it was changed meanwhile",
			func(a world.Answer) bool { return a.Status == 200 && a.Backend == "two" })
		s.said(leader.Name(), goesOn, "another replica leads")
		s.route("later", "two")
		s.served("later.test", "two")
		s.Resolved("later")
		changed.end("the old leader goes on")
		for _, pod := range writers(t, s, mark) {
			if pod == leader.Name() {
				t.Errorf("the old leader wrote a status after it went on")
			}
		}
		if all := writers(t, s, mark); len(all) == 0 {
			t.Error("nobody wrote a status, so that the audit log says nothing of who did")
		}
	})
	for _, name := range []string{"changed", "made", "later"} {
		s.Resolved(name)
	}
	s.Programmed("edge")
	if now := s.leader(); now.Name() != next.Name() {
		t.Errorf("%s leads, and %s did before", now.Name(), next.Name())
	}
	load.end("leader paused")
}

// writers are the pods that have written an object of this namespace since a mark of the audit log.
func writers(t *testing.T, s *stage, mark int64) []string {
	t.Helper()
	file, err := os.Open(s.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(mark, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var pods []string
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return pods
		}
		var event struct {
			User      struct{ Extra map[string][]string }
			ObjectRef struct{ Namespace string }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatal(fmt.Errorf("audit log: %w in %s", err, line))
		}
		if event.ObjectRef.Namespace == s.Namespace {
			pods = append(pods, event.User.Extra["authentication.kubernetes.io/pod-name"]...)
		}
	}
}
