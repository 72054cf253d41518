//go:build cluster

package feature

import (
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

// Whoever describes an object that isn't served as written sees why, as a condition and as an event.
func TestEventsOfRefusals(t *testing.T) {
	s, _ := served(t, world.RouteText("lost", "name: edge", nil, world.To("nothing")))
	s.Apply(world.GatewayOf(world.Class, "bare", fmt.Sprintf(parameters, "absent")))
	s.Refused("HTTPRoute", "lost", "ResolvedRefs", "BackendNotFound")
	s.Refused("Gateway", "bare", "Accepted", "InvalidParameters")
	for object, wants := range map[string][]string{
		"httproute/lost": {"Warning", "BackendNotFound", s.Namespace + "/nothing"},
		"gateway/bare":   {"Warning", "InvalidParameters", s.Namespace + "/absent"},
	} {
		s.WaitFor("the event of "+object, func() (bool, string) {
			text := s.Kubectl(t, "describe", "--namespace", s.Namespace, object)
			_, events, _ := strings.Cut(text, "\nEvents:")
			for _, want := range wants {
				if !strings.Contains(events, want) {
					return false, text
				}
			}
			return true, ""
		})
	}
}

// What a data plane refuses shows on the object, in words of the object; its last good version stays, and what else the
// object has is served.
func TestRefusalOfTheDataPlane(t *testing.T) {
	route := func(rules ...string) string {
		return world.RouteText("headers", "name: edge", []string{"headers.test"}, append(rules, world.PrefixTo("/fine", "one"))...)
	}
	set := func(name, value string) string {
		return filtered("/set", fmt.Sprintf("type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: %s, value: %q}]}", name, value))
	}
	s, address := served(t, route(set("X-Colour", "blue")))
	blue := world.Request{To: address, Host: "headers.test", Path: "/set"}
	s.Serves(blue, "one")
	run := s.StartLoad(t, world.Load{Request: blue, Rate: 20})
	// How a message is framed is no filter's to say (RFC 9112 section 6).
	s.Apply(route(set("Transfer-Encoding", "gzip")))
	said := s.Refused("HTTPRoute", "headers", "portreeve.dev/Programmed", "Refused")
	for _, want := range []string{"spec.rules[0].filters[0]", s.Pods("edge")[0].Name()} {
		if !strings.Contains(said.Message, want) {
			t.Errorf("the message doesn't say %q: %s", want, said)
		}
	}
	if !strings.Contains(said.Message, "requestHeaderModifier.set[0].name") {
		t.Errorf("the message names no field of the object: %s", said)
	}
	run.More(t, 5)
	s.Expect(run.Stop(), "200 with the last good version", func(a world.Answer) bool { return a.Status == 200 && a.Headers["x-colour"] == "blue" })
	s.Serves(world.Request{To: address, Host: "headers.test", Path: "/fine"}, "one")

	s.Apply(route(set("X-Colour", "red")))
	s.WaitObject("HTTPRoute", "headers", "refused no more", func(o world.Object) bool {
		return o.ParentCondition("Accepted").Is("True", o) && o.ParentCondition("portreeve.dev/Programmed").Status != "False"
	})
	s.Answers(blue, "the new version", func(a world.Answer) bool { return a.Status == 200 && a.Headers["x-colour"] == "red" })
}
