//go:build cluster

package feature

import (
	"testing"

	"portreeve.dev/e2e/kube/world"
)

// Each kind of match: a request that it takes goes to "two", one that misses by a hair to "one".
func TestMatchKinds(t *testing.T) {
	to := func(match string) string { return "{matches: [{" + match + "}], backendRefs: [{name: two, port: 80}]}" }
	s, address := served(t, world.RouteText("rest", "name: edge", nil, world.To("one")),
		world.RouteText("paths", "name: edge", []string{"paths.test"},
			to("path: {type: Exact, value: /exact}"),
			to("path: {type: PathPrefix, value: /prefix}"),
			to(`path: {type: RegularExpression, value: "/re/[0-9]+"}`), world.To("one")),
		world.RouteText("fields", "name: edge", []string{"fields.test"},
			to("headers: [{type: Exact, name: X-Colour, value: blue}, {name: X-Size, value: big}]"),
			to(`headers: [{type: RegularExpression, name: X-Number, value: "[0-9]+"}]`),
			to("queryParams: [{type: Exact, name: colour, value: blue}]"),
			to(`queryParams: [{type: RegularExpression, name: number, value: "[0-9]+"}]`),
			to("method: PUT"), world.To("one")),
		world.RouteText("host", "name: edge", []string{"two.test"}, world.To("two")),
		world.RouteText("wildcard", "name: edge", []string{"*.wild.test"}, world.To("two")))
	s.Apply(s.BackendText("two"))
	// The last route of the table has arrived, and its backend.
	s.Serves(world.Request{To: address, Host: "a.wild.test"}, "two")
	for _, name := range []string{"paths", "fields", "host"} {
		s.Resolved(name)
	}
	headers := func(pairs ...string) map[string]string {
		all := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		return all
	}
	for _, one := range []struct {
		name string
		world.Request
		backend string
	}{
		{"exact path", world.Request{Host: "paths.test", Path: "/exact"}, "two"},
		{"exact path and more", world.Request{Host: "paths.test", Path: "/exact/"}, "one"},
		{"prefix", world.Request{Host: "paths.test", Path: "/prefix/below"}, "two"},
		{"prefix that ends inside a segment", world.Request{Host: "paths.test", Path: "/prefixes"}, "one"},
		{"regular expression", world.Request{Host: "paths.test", Path: "/re/42"}, "two"},
		{"regular expression, another path", world.Request{Host: "paths.test", Path: "/re/x"}, "one"},
		{"headers", world.Request{Host: "fields.test", Headers: headers("x-colour", "blue", "x-size", "big")}, "two"},
		{"one header of two", world.Request{Host: "fields.test", Headers: headers("x-colour", "blue")}, "one"},
		{"header by regular expression", world.Request{Host: "fields.test", Headers: headers("x-number", "42")}, "two"},
		{"header by regular expression, another value", world.Request{Host: "fields.test", Headers: headers("x-number", "none")}, "one"},
		{"query", world.Request{Host: "fields.test", Path: "/?colour=blue"}, "two"},
		{"query, another value", world.Request{Host: "fields.test", Path: "/?colour=Blue"}, "one"},
		{"query by regular expression", world.Request{Host: "fields.test", Path: "/?number=42"}, "two"},
		{"query by regular expression, another value", world.Request{Host: "fields.test", Path: "/?number=none"}, "one"},
		{"method", world.Request{Host: "fields.test", Method: "PUT", Body: "x"}, "two"},
		{"another method", world.Request{Host: "fields.test", Method: "POST", Body: "x"}, "one"},
		{"host", world.Request{Host: "two.test"}, "two"},
		{"another host", world.Request{Host: "three.test"}, "one"},
		{"wildcard host", world.Request{Host: "a.b.wild.test"}, "two"},
		{"the wildcard's own name", world.Request{Host: "wild.test"}, "one"},
	} {
		t.Run(one.name, func(t *testing.T) {
			one.To = address
			if answer := s.Ask(one.Request); answer.Status != 200 || answer.Backend != one.backend {
				t.Errorf("%s: want backend %s, came %s", one.Request, one.backend, answer)
			}
		})
	}
}
