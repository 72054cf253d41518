//go:build cluster

package feature

import (
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

func filtered(path, filter string) string {
	return fmt.Sprintf("{matches: [{path: {type: PathPrefix, value: %s}}], filters: [{%s}], backendRefs: [{name: one, port: 80}]}", path, filter)
}

func redirected(path, redirect string) string {
	return fmt.Sprintf("{matches: [{path: {type: PathPrefix, value: %s}}], filters: [{type: RequestRedirect, requestRedirect: {%s}}]}", path, redirect)
}

// Each kind of filter, on its way to a pod and back.
func TestFilterKinds(t *testing.T) {
	s, address := served(t, world.RouteText("filters", "name: edge", []string{"filters.test"},
		filtered("/request", "type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: new}], add: [{name: X-Add, value: more}], remove: [X-Gone]}"),
		filtered("/response", "type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: Content-Type, value: text/x-other}], add: [{name: X-Added, value: here}], remove: [X-Gone]}"),
		filtered("/rewrite-host", "type: URLRewrite, urlRewrite: {hostname: other.test}"),
		filtered("/rewrite-prefix", "type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}"),
		filtered("/rewrite-full", "type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /all/new}}"),
		redirected("/to-https", "scheme: https, statusCode: 301"),
		redirected("/to-host", "hostname: other.test, port: 8443, statusCode: 302"),
		redirected("/to-prefix", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}, statusCode: 307"),
		redirected("/to-full", "path: {type: ReplaceFullPath, replaceFullPath: /all/new}, statusCode: 308"),
		`{matches: [{path: {type: PathPrefix, value: /backend}}], backendRefs: [{name: one, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: of-the-backend}]}}]}]}`,
		world.To("one")))
	ask := func(path string, headers map[string]string) world.Request {
		return world.Request{To: address, Host: "filters.test", Path: path, Headers: headers}
	}
	s.Serves(ask("/", nil), "one")
	s.Resolved("filters")

	t.Run("RequestHeaderModifier", func(t *testing.T) {
		answer := s.Ask(ask("/request", map[string]string{"X-Set": "old", "X-Add": "first", "X-Gone": "x"}))
		_, gone := answer.Headers["x-gone"]
		if answer.Headers["x-set"] != "new" || answer.Headers["x-add"] != "first, more" || gone {
			t.Errorf("the backend saw %v", answer.Headers)
		}
	})
	t.Run("RequestHeaderModifier of a backend", func(t *testing.T) {
		if answer := s.Ask(ask("/backend", nil)); answer.Headers["x-set"] != "of-the-backend" {
			t.Errorf("the backend saw %v", answer.Headers)
		}
	})
	t.Run("ResponseHeaderModifier", func(t *testing.T) {
		answer := s.Ask(ask("/response", nil))
		if answer.Header.Get("Content-Type") != "text/x-other" || answer.Header.Get("X-Added") != "here" {
			t.Errorf("came %s", answer)
		}
	})
	for path, want := range map[string][2]string{
		"/rewrite-host/x?q":   {"other.test", "/rewrite-host/x?q"},
		"/rewrite-prefix/x?q": {"filters.test", "/new/x?q"},
		"/rewrite-full/x?q":   {"filters.test", "/all/new?q"},
	} {
		t.Run("URLRewrite "+path, func(t *testing.T) {
			if answer := s.Ask(ask(path, nil)); answer.Headers["host"] != want[0] || answer.Target != want[1] {
				t.Errorf("want %v, came %s", want, answer)
			}
		})
	}
	for path, want := range map[string]string{
		"/to-https/x?q":  "301 https://filters.test/to-https/x?q",
		"/to-host/x":     "302 http://other.test:8443/to-host/x",
		"/to-prefix/x?q": "307 http://filters.test/new/x?q",
		"/to-full/x?q":   "308 http://filters.test/all/new?q",
	} {
		t.Run("RequestRedirect "+path, func(t *testing.T) {
			answer := s.Ask(ask(path, nil))
			if came := fmt.Sprint(answer.Status, " ", answer.Header.Get("Location")); came != want {
				t.Errorf("want %s, came %s", want, answer)
			}
		})
	}
}

// A rule with a filter that this release hasn't is refused by name, beside a rule that serves. A filter that may be there
// to keep people out isn't left out silently: such requests are answered 500.
func TestFiltersThatAreNotServed(t *testing.T) {
	filters := map[string]string{
		"RequestMirror": "type: RequestMirror, requestMirror: {backendRef: {name: one, port: 80}}",
		"CORS":          `type: CORS, cors: {allowOrigins: ["https://example.com"]}`,
		"ExtensionRef":  "type: ExtensionRef, extensionRef: {group: example.com, kind: Thing, name: x}",
	}
	s, address := served(t)
	for name, filter := range filters {
		host := strings.ToLower(name)
		s.Apply(world.RouteText(host, "name: edge", []string{host + ".test"}, filtered("/with", filter), world.PrefixTo("/without", "one")))
	}
	for name := range filters {
		t.Run(name, func(t *testing.T) {
			host := strings.ToLower(name)
			route := s.WaitObject("HTTPRoute", host, "PartiallyInvalid=True, UnsupportedValue", func(o world.Object) bool {
				said := o.ParentCondition("PartiallyInvalid")
				return said.Is("True", o) && said.Reason == "UnsupportedValue" && o.ParentCondition("Accepted").Is("True", o)
			})
			if said := route.ParentCondition("PartiallyInvalid"); !strings.Contains(said.Message, "spec.rules[0].filters[0]") || !strings.Contains(said.Message, name) {
				t.Errorf("the message names neither field nor filter: %s", said)
			}
			s.Serves(world.Request{To: address, Host: host + ".test", Path: "/without"}, "one")
			want := 404
			if name == "ExtensionRef" {
				want = 500
			}
			if answer := s.Ask(world.Request{To: address, Host: host + ".test", Path: "/with"}); answer.Status != want {
				t.Errorf("want %d, came %s", want, answer)
			}
		})
	}
}
