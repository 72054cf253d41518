//go:build cluster

package feature

import (
	"fmt"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

// A changed listener port changes the Service, and the same data plane serves it.
func TestPortOfListenerChanges(t *testing.T) {
	s, address := served(t, world.RouteText("all", "name: edge", nil, world.To("one")))
	s.Serves(world.Request{To: address}, "one")
	before := s.Pods("edge")
	s.Apply(world.GatewayText("edge", "{name: http, protocol: HTTP, port: 8080}", "{name: more, protocol: HTTP, port: 81}"))
	for _, port := range []int{8080, 81} {
		s.Serves(world.Request{To: fmt.Sprintf("%s:%d", address, port)}, "one")
	}
	s.WaitObject("Service", "edge-portreeve", "ports 81 and 8080", func(o world.Object) bool {
		ports := o.Items("spec", "ports")
		return len(ports) == 2 && ports[0].Number("port") == 81 && ports[1].Number("port") == 8080
	})
	// At the data plane: the load balancer's address without that port leads nowhere, which takes long to find out.
	s.WaitFor("the old port to be closed", func() (bool, string) {
		answer := s.Ask(world.Request{To: before[0].Text("status", "podIP")})
		return answer.Err != nil, answer.String()
	})
	if again := s.Programmed("edge"); again != address {
		t.Errorf("the address is %s, and was %s", again, address)
	}
	after := s.Pods("edge")
	if len(before) != 1 || len(after) != 1 || after[0].Text("metadata", "uid") != before[0].Text("metadata", "uid") ||
		after[0].Number("status", "containerStatuses", 0, "restartCount") != 0 {
		t.Errorf("the data plane isn't the one that it was: %v, then %v", before, after)
	}
}
