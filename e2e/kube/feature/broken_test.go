//go:build cluster

package feature

import (
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

// Whatever is wrong with one route changes nothing for a hundred others, neither what they serve nor their status, and its
// own status says what is wrong and where.
func TestBrokenRouteBesideGoodOnes(t *testing.T) {
	const good = 100
	s, address := served(t)
	host := func(i int) string { return fmt.Sprintf("r%d.test", i) }
	var routes []string
	for i := range good {
		routes = append(routes, world.RouteText(fmt.Sprint("good-", i), "name: edge", []string{host(i)}, world.To("one")))
	}
	s.Create(routes...)
	attached(s, good)
	s.Serves(world.Request{To: address, Host: host(good - 1)}, "one")
	mark := s.AuditMark(t)
	run := s.StartLoad(t, world.Load{Request: world.Request{To: address, Host: host(50)}, Rate: 50})
	run.More(t, 20)

	for _, one := range []struct{ name, rule, condition, reason, says string }{
		{"no-service", world.To("nothing"), "ResolvedRefs", "BackendNotFound", s.Namespace + "/nothing"},
		{"no-port", "{backendRefs: [{name: one, port: 81}]}", "ResolvedRefs", "BackendNotFound", "81"},
		{"no-grant", "{backendRefs: [{name: one, namespace: default, port: 80}]}", "ResolvedRefs", "RefNotPermitted", "default"},
		{"no-service-kind", "{backendRefs: [{name: one, kind: Thing, group: example.com}]}", "ResolvedRefs", "InvalidKind", "Thing"},
		{"pattern", `{matches: [{path: {type: RegularExpression, value: "/(a"}}], backendRefs: [{name: one, port: 80}]}`, "Accepted", "UnsupportedValue", "spec.rules[0].matches[0].path"},
		{"no-listener", world.To("one"), "Accepted", "NoMatchingParent", "absent"},
	} {
		t.Run(one.name, func(t *testing.T) {
			parent := "name: edge"
			if one.name == "no-listener" {
				parent += ", sectionName: absent"
			}
			s.Apply(world.RouteText(one.name, parent, []string{"broken.test"}, one.rule))
			if said := s.Refused("HTTPRoute", one.name, one.condition, one.reason); !strings.Contains(said.Message, one.says) {
				t.Errorf("the message doesn't say %q: %s", one.says, said)
			}
			run.More(t, 5)
		})
	}
	for i := range good {
		if answer := s.Ask(world.Request{To: address, Host: host(i)}); answer.Status != 200 {
			t.Errorf("%s: %s", host(i), answer)
		}
	}
	s.Expect(run.Stop(), "200", func(a world.Answer) bool { return a.Status == 200 })
	for _, write := range s.Writes(t, mark) {
		if write.Namespace == s.Namespace && write.Resource == "httproutes" && strings.HasPrefix(write.Name, "good-") {
			t.Errorf("a good route was written to: %+v", write)
		}
	}
}

// attached waits until the Gateway's listener counts that many routes.
func attached(s *world.Space, number int) {
	s.T.Helper()
	s.WaitFor(fmt.Sprintf("%d attached routes", number), func() (bool, string) {
		object := s.Object("Gateway", "edge")
		count := object.Number("status", "listeners", 0, "attachedRoutes")
		return count == number && object.At("status", "listeners", 0) != nil, fmt.Sprint(count)
	})
}
