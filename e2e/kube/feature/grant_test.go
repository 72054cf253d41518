//go:build cluster

package feature

import (
	"fmt"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

func grant(name, from, kind, to string) string {
	return fmt.Sprintf(`---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: %s}
spec:
  from: [{group: gateway.networking.k8s.io, kind: %s, namespace: %s}]
  to: [{group: "", kind: %s}]
`, name, kind, from, to)
}

// A Service of another namespace is served while a grant there allows it, and answered 500 while none does.
func TestReferenceGrantComesAndGoes(t *testing.T) {
	there := world.Ready(t).Space(t)
	there.Apply(there.BackendText("far"))
	s, address := served(t, world.RouteText("all", "name: edge", nil, world.To("one")))
	allowed := grant("g", s.Namespace, "HTTPRoute", "Service")
	there.Apply(allowed)
	s.Apply(world.RouteText("far", "name: edge", []string{"far.test"}, fmt.Sprintf("{backendRefs: [{name: far, namespace: %s, port: 80}]}", there.Namespace)))
	request := world.Request{To: address, Host: "far.test"}
	s.Serves(request, "far")
	s.Resolved("far")
	for range 2 {
		there.Delete("ReferenceGrant", "g")
		s.Answered(request, 500)
		s.Refused("HTTPRoute", "far", "ResolvedRefs", "RefNotPermitted")
		if answer := s.Ask(world.Request{To: address}); answer.Status != 200 {
			t.Errorf("another route of the Gateway: %s", answer)
		}
		there.Apply(allowed)
		s.Serves(request, "far")
		s.Resolved("far")
	}
}
