//go:build cluster

package cases

import (
	"encoding/json"
	"testing"

	"portreeve.dev/e2e/cases"
)

// Wherever a document names a namespace or a class, it names that of this case, and nothing else changes.
func TestNames(t *testing.T) {
	p := &place{prefix: "x-"}
	for _, one := range []struct{ document, want string }{
		{`{kind: Namespace, metadata: {name: a, labels: {kubernetes.io/metadata.name: a, tier: a}}}`,
			`{"kind":"Namespace","metadata":{"labels":{"kubernetes.io/metadata.name":"x-a","tier":"a"},"name":"x-a"}}`},
		{`{kind: GatewayClass, metadata: {name: c}, spec: {parametersRef: {name: p, namespace: a}}}`,
			`{"kind":"GatewayClass","metadata":{"name":"x-c"},"spec":{"parametersRef":{"name":"p","namespace":"x-a"}}}`},
		{`{kind: Gateway, metadata: {name: g}, spec: {gatewayClassName: c, listeners: [{allowedRoutes: {namespaces: {from: Selector, selector:
  {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [a, b]}, {key: tier, operator: In, values: [a]}]}}}}]}}`,
			`{"kind":"Gateway","metadata":{"name":"g","namespace":"x-default"},"spec":{"gatewayClassName":"x-c","listeners":[{"allowedRoutes":` +
				`{"namespaces":{"from":"Selector","selector":{"matchExpressions":[{"key":"kubernetes.io/metadata.name","operator":"In","values":` +
				`["x-a","x-b"]},{"key":"tier","operator":"In","values":["a"]}]}}}}]}}`},
		{`{kind: HTTPRoute, metadata: {namespace: a, name: r}, spec: {parentRefs: [{name: g, namespace: b}], hostnames: [a]}}`,
			`{"kind":"HTTPRoute","metadata":{"name":"r","namespace":"x-a"},"spec":{"hostnames":["a"],"parentRefs":[{"name":"g","namespace":"x-b"}]}}`},
	} {
		parsed, err := p.parse(one.document)
		if err != nil {
			t.Errorf("%s: %v", one.document, err)
			continue
		}
		if text, _ := json.Marshal(parsed.object); string(text) != one.want {
			t.Errorf("%s:\nwant %s\ncame %s", one.document, one.want, text)
		}
	}
}

func TestAgeAndStatusAreTakenOut(t *testing.T) {
	parsed, err := (&place{prefix: "x-"}).parse(
		`{kind: HTTPRoute, metadata: {namespace: a, name: r, creationTimestamp: 2024-01-02T00:00:00Z}, status: {parents: [{parentRef: {namespace: a}}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(parsed.object)
	if want := `{"kind":"HTTPRoute","metadata":{"name":"r","namespace":"x-a"}}`; string(text) != want {
		t.Errorf("want %s, came %s", want, text)
	}
	if want := (cases.Reference{Kind: "HTTPRoute", Namespace: "x-a", Name: "r"}); parsed.as != want {
		t.Errorf("want %v, came %v", want, parsed.as)
	}
	if parsed.age != "2024-01-02T00:00:00Z" || parsed.status.Text("parents", 0, "parentRef", "namespace") != "x-a" {
		t.Errorf("age %q, status %v", parsed.age, parsed.status)
	}
}
