//go:build cluster

// Package feature proves on a real cluster, with Portreeve installed by its chart, what only shows there: data planes that
// are provisioned, statuses, events, and requests that reach pods.
package feature

import (
	"testing"

	"portreeve.dev/e2e/kube/world"
)

// served is a Gateway "edge" with one listener, and a backend "one" with a route to it.
func served(t *testing.T, more ...string) (*world.Space, string) {
	t.Helper()
	s := world.Ready(t).Space(t)
	s.Apply(append([]string{s.BackendText("one"), world.GatewayText("edge")}, more...)...)
	return s, s.Programmed("edge")
}

func TestApplyAndServe(t *testing.T) {
	s, address := served(t, world.RouteText("all", "name: edge", nil, world.To("one")))
	answer := s.Serves(world.Request{To: address, Path: "/hello?x=1"}, "one")
	if answer.Target != "/hello?x=1" {
		t.Errorf("the backend saw %q", answer.Target)
	}
	s.Resolved("all")
}
