package world

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"portreeve.dev/e2e/harness"
)

// PodLog is what a pod has written, since a time unless that is zero.
func (w *World) PodLog(namespace, pod string, since time.Time) string {
	where := path("Pod", namespace, pod) + "/log?limitBytes=50000000"
	if !since.IsZero() {
		where += "&sinceTime=" + since.UTC().Format("2006-01-02T15:04:05Z")
	}
	text, err := w.Call(context.Background(), http.MethodGet, where, "", nil)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// ControllerLog is what all controllers have written since a time.
func (w *World) ControllerLog(since time.Time) string {
	var all strings.Builder
	for _, pod := range w.List("Pod", SystemNamespace, "app.kubernetes.io/component=controller") {
		all.WriteString(w.PodLog(SystemNamespace, pod.Name(), since))
	}
	return all.String()
}

// AccessLine is what the data planes of this namespace have in their access logs of a request. Lines come in batches.
func (s *Space) AccessLine(id string) string {
	line, found := harness.Poll(2*time.Second, func() (bool, string) {
		for _, pod := range s.Objects("Pod", "app.kubernetes.io/component=dataplane") {
			for line := range strings.Lines(s.PodLog(s.Namespace, pod.Name(), time.Time{})) {
				if strings.Contains(line, id) {
					return true, fmt.Sprintf("%s: %s", pod.Name(), strings.TrimSpace(line))
				}
			}
		}
		return false, ""
	})
	if !found {
		return "no data plane that is still there has a line for it"
	}
	return line
}

// Tell logs what a person would look at: conditions, pods, events, and the end of the logs.
func (s *Space) Tell() {
	s.TellOfObjects()
	s.T.Logf("log of the controller since this test began:\n%s", tail(s.ControllerLog(s.Begun), 60))
}

// TellOfObjects is Tell without what the controller says, of all namespaces.
func (s *Space) TellOfObjects() {
	for _, kind := range []string{"Gateway", "HTTPRoute"} {
		for i, object := range s.Objects(kind, "") {
			if i == 10 {
				s.T.Log("…and more of the kind")
				break
			}
			s.T.Log(object.Conditions())
		}
	}
	for _, pod := range s.Objects("Pod", "") {
		s.T.Logf("pod %s: %s, %v", pod.Name(), pod.Text("status", "phase"), pod.At("status", "containerStatuses"))
	}
	for _, event := range s.Objects("Event", "") {
		s.T.Logf("event of %s %s: %s: %s", event.Text("regarding", "kind"), event.Text("regarding", "name"), event.Text("reason"), event.Text("note"))
	}
	for _, pod := range s.Objects("Pod", "app.kubernetes.io/component=dataplane") {
		s.T.Logf("log of %s:\n%s", pod.Name(), tail(s.PodLog(s.Namespace, pod.Name(), time.Time{}), 30))
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
