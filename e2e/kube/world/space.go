package world

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// Space is a namespace of one test, which goes when the test ends. What is wrong in it is told if the test has failed.
type Space struct {
	*World
	T         testing.TB
	Namespace string
	Begun     time.Time
}

// Space makes a namespace with these labels ("a: b").
func (w *World) Space(t testing.TB, labels ...string) *Space {
	t.Helper()
	// Never the name of one that is still on its way out.
	name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(strings.TrimPrefix(t.Name(), "Test")), "-")
	name = strings.Trim(name[:min(len(name), 40)], "-") + "-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	s := &Space{w, t, name, time.Now()}
	s.Apply(fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {%s}}\n", name, strings.Join(labels, ", ")))
	t.Cleanup(func() {
		if t.Failed() {
			s.Tell()
		}
		// It goes by itself, while the next test runs.
		if err := w.TryDelete(context.Background(), "Namespace", "", name); err != nil {
			t.Errorf("namespace %s: %v", name, err)
		}
	})
	return s
}

// Apply makes objects or changes them; those that name no namespace are in this one.
func (s *Space) Apply(texts ...string) {
	s.T.Helper()
	if err := s.TryApply(s.T.Context(), s.Namespace, texts...); err != nil {
		s.T.Fatal(err)
	}
}

// Create makes many objects quickly.
func (s *Space) Create(texts ...string) {
	s.T.Helper()
	s.World.Create(s.T, s.Namespace, texts...)
}

// Delete deletes an object and what it owns.
func (s *Space) Delete(kind, name string) {
	s.T.Helper()
	s.World.Delete(s.T, kind, s.Namespace, name)
}

// Merge changes an object by a JSON merge patch.
func (s *Space) Merge(kind, name, patch string) {
	s.T.Helper()
	s.World.Merge(s.T, kind, s.Namespace, name, patch)
}

// Object is an object of this namespace; empty when there is none.
func (s *Space) Object(kind, name string) Object { return s.Find(kind, s.Namespace, name) }

// Objects are those of a kind with these labels.
func (s *Space) Objects(kind, labels string) []Object { return s.List(kind, s.Namespace, labels) }

// WaitFor looks until ok says true; its text is what was seen last.
func (s *Space) WaitFor(what string, ok func() (bool, string)) {
	s.T.Helper()
	harness.WaitFor(s.T, Limit, what, ok)
}

// WaitObject waits until an object is as wanted, and returns it.
func (s *Space) WaitObject(kind, name, what string, ok func(Object) bool) Object {
	s.T.Helper()
	var object Object
	s.WaitFor(fmt.Sprintf("%s %s: %s", kind, name, what), func() (bool, string) {
		var err error
		object, err = s.TryFind(s.T.Context(), kind, s.Namespace, name)
		if err != nil {
			return false, err.Error()
		}
		return ok(object), object.Conditions()
	})
	return object
}

// WaitGone waits until there is no such object.
func (s *Space) WaitGone(kind, name string) {
	s.T.Helper()
	s.WaitFor(fmt.Sprintf("%s %s to be gone", kind, name), func() (bool, string) {
		object, err := s.TryFind(s.T.Context(), kind, s.Namespace, name)
		return Gone(err), fmt.Sprint(object, err)
	})
}

// Programmed waits until a Gateway is programmed as it stands, and returns its first address.
func (s *Space) Programmed(gateway string) string {
	s.T.Helper()
	object := s.WaitObject("Gateway", gateway, "programmed, with an address", func(o Object) bool {
		return o.Condition("Programmed").Is("True", o) && o.Text("status", "addresses", 0, "value") != ""
	})
	return object.Text("status", "addresses", 0, "value")
}

// Refused waits until a condition of a Gateway or route is False for that reason, and returns it.
func (s *Space) Refused(kind, name, condition, reason string) Condition {
	s.T.Helper()
	of := func(o Object) Condition {
		if kind == "HTTPRoute" {
			return o.ParentCondition(condition)
		}
		return o.Condition(condition)
	}
	object := s.WaitObject(kind, name, condition+"=False, "+reason, func(o Object) bool {
		return of(o).Is("False", o) && of(o).Reason == reason
	})
	return of(object)
}

// Resolved waits until a route is accepted and all that it names is found.
func (s *Space) Resolved(route string) {
	s.T.Helper()
	s.WaitObject("HTTPRoute", route, "accepted and resolved", func(o Object) bool {
		return o.ParentCondition("Accepted").Is("True", o) && o.ParentCondition("ResolvedRefs").Is("True", o)
	})
}

// Pods are the data planes of a Gateway.
func (s *Space) Pods(gateway string) []Object {
	return s.Objects("Pod", "gateway.networking.k8s.io/gateway-name="+gateway)
}

// Serves waits until a request is answered by the backend of that name.
func (s *Space) Serves(request Request, backend string) Answer {
	s.T.Helper()
	return s.Answers(request, "the backend "+backend, func(a Answer) bool { return a.Status == http.StatusOK && a.Backend == backend })
}

// Answered waits until a request is answered with that status.
func (s *Space) Answered(request Request, status int) Answer {
	s.T.Helper()
	return s.Answers(request, fmt.Sprint("status ", status), func(a Answer) bool { return a.Status == status })
}

// Answers waits until a request's answer is as wanted.
func (s *Space) Answers(request Request, what string, ok func(Answer) bool) Answer {
	s.T.Helper()
	var answer Answer
	s.WaitFor(fmt.Sprintf("%s from %s", what, request), func() (bool, string) {
		answer = s.Ask(request)
		return ok(answer), answer.String()
	})
	return answer
}
