//go:build cluster

package feature

import (
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

// Objects as large as the API server takes them: a route of a megabyte is served, and one that only lies there disturbs
// nobody.
func TestObjectsOfAMegabyte(t *testing.T) {
	s, address := served(t, world.RouteText("all", "name: edge", nil, world.To("one")))
	s.Apply(s.BackendText("two"))
	// A Secret's limit is 1 MiB of data.
	s.Apply(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: large}\nstringData: {text: %q}\n", strings.Repeat("x", 1<<20-1000)))
	value := func(rule, match int) string { return fmt.Sprintf("%d-%d-", rule, match) + strings.Repeat("v", 3900) }
	var rules []string
	for rule := range 16 {
		var matches []string
		for match := range 8 {
			matches = append(matches, fmt.Sprintf("{headers: [{name: X-First, value: %[1]s}, {name: X-Second, value: %[1]s}]}", value(rule, match)))
		}
		rules = append(rules, fmt.Sprintf("{matches: [%s], backendRefs: [{name: two, port: 80}]}", strings.Join(matches, ", ")))
	}
	text := world.RouteText("large", "name: edge", []string{"large.test"}, rules...)
	if len(text) < 1_000_000 {
		t.Fatalf("the route has %d bytes", len(text))
	}
	s.Apply(text)
	last := value(15, 7)
	s.Serves(world.Request{To: address, Host: "large.test", Headers: map[string]string{"X-First": last, "X-Second": last}}, "two")
	s.Resolved("large")
	s.Serves(world.Request{To: address, Host: "large.test"}, "one")
	s.Apply(world.RouteText("later", "name: edge", []string{"later.test"}, world.To("two")))
	s.Serves(world.Request{To: address, Host: "later.test"}, "two")
	s.Delete("HTTPRoute", "large")
	s.Serves(world.Request{To: address, Host: "large.test", Headers: map[string]string{"X-First": last, "X-Second": last}}, "one")
}
