//go:build cluster

package feature

import (
	"fmt"
	"testing"
	"time"

	"portreeve.dev/e2e/kube/world"
)

// A thousand routes come and go. The Gateway counts them in few writes, stays programmed, and each route is told once.
func TestThousandRoutes(t *testing.T) {
	const number, mostWrites = 1000, 20
	s, address := served(t)
	host := func(i int) string { return fmt.Sprintf("r%d.test", i) }
	var routes []string
	for i := range number {
		routes = append(routes, world.RouteText(fmt.Sprint("r", i), "name: edge", []string{host(i)}, world.To("one")))
	}
	mark, watch := s.AuditMark(t), s.Watch("Gateway", "edge")
	begin := time.Now()
	s.Create(routes...)
	created := time.Since(begin)
	for _, i := range []int{0, number / 2, number - 1} {
		s.Serves(world.Request{To: address, Host: host(i)}, "one")
	}
	t.Logf("%d routes were made in %.1f s; the last is served %.1f s later", number, created.Seconds(), (time.Since(begin) - created).Seconds())
	attached(s, number)
	s.WaitFor("every route's status", func() (bool, string) {
		told := 0
		for _, route := range s.Objects("HTTPRoute", "") {
			if route.ParentCondition("Accepted").Is("True", route) && route.ParentCondition("ResolvedRefs").Is("True", route) {
				told++
			}
		}
		return told == number, fmt.Sprint(told, " of them")
	})
	s.DeleteAll(t, "HTTPRoute", s.Namespace)
	attached(s, 0)
	s.Answered(world.Request{To: address, Host: host(0)}, 404)

	for _, state := range watch.Stop(t) {
		if said := state.Condition("Programmed"); said.Status != "True" {
			t.Errorf("with %d routes attached, the Gateway said %s", state.Number("status", "listeners", 0, "attachedRoutes"), said)
			break
		}
	}
	ofGateway, ofRoute := 0, map[string]int{}
	for _, write := range s.Writes(t, mark) {
		switch {
		case write.Namespace != s.Namespace || write.Subresource != "status" || write.Code >= 300:
		case write.Resource == "gateways":
			ofGateway++
		case write.Resource == "httproutes":
			ofRoute[write.Name]++
		}
	}
	t.Logf("the Gateway's status was written %d times", ofGateway)
	if ofGateway > mostWrites {
		t.Errorf("the Gateway's status was written %d times, want %d at most", ofGateway, mostWrites)
	}
	for i := range number {
		if writes := ofRoute[fmt.Sprint("r", i)]; writes != 1 {
			t.Errorf("the status of route r%d was written %d times, want once", i, writes)
		}
	}
}
