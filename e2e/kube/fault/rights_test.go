//go:build cluster

package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/kube/world"
)

const clusterRole = "/apis/rbac.authorization.k8s.io/v1/clusterroles/" + world.Controller + "." + world.SystemNamespace

// The right to read HTTPRoutes is taken away. Everything else goes on, what is known of routes stays in service, and the
// log says which rule is missing; with the rule, all goes on.
func TestRightTakenAway(t *testing.T) {
	s := begin(t, "")
	load := s.load()
	text, err := s.Call(t.Context(), http.MethodGet, clusterRole, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var role world.Object
	if err := json.Unmarshal(text, &role); err != nil {
		t.Fatal(err)
	}
	before := role["rules"]
	put := func(rules any) error {
		patch, err := json.Marshal(map[string]any{"rules": rules})
		if err != nil {
			return err
		}
		_, err = s.Call(context.Background(), http.MethodPatch, clusterRole, "application/merge-patch+json", patch)
		return err
	}
	t.Cleanup(func() {
		if err := put(before); err != nil {
			t.Error(err)
		}
	})
	if err := put(without(t, role.Items("rules"), "httproutes")); err != nil {
		t.Fatal(err)
	}
	taken := time.Now()
	// A watch that runs is not cut by it; one that begins is.
	s.stopServer()
	s.startServer()
	for _, pod := range s.controllers() {
		s.said(pod.Name(), taken, "RBAC forbids to read a kind; all others go on", "HTTPRoute",
			`grant the controller the rule {apiGroups: [\"gateway.networking.k8s.io\"], resources: [\"httproutes\"], verbs: [\"get\", \"list\", \"watch\"]}`)
	}
	// Other kinds go on: a listener more, and another pod of a backend.
	s.route("unseen", "two")
	s.Apply(world.GatewayText("edge", world.HTTPListener, "{name: other, protocol: HTTP, port: 8080}"))
	other := s.request(steady)
	other.To += ":8080"
	s.Serves(other, "one")
	if answer := s.Ask(s.request("unseen.test")); answer.Status != http.StatusNotFound {
		t.Errorf("the controllers can't know of this route: %s", answer)
	}
	if err := put(before); err != nil {
		t.Fatal(err)
	}
	given := time.Now()
	s.served("unseen.test", "two")
	t.Logf("a route is served %.1f s after the right is given", time.Since(given).Seconds())
	s.Resolved("unseen")
	for _, pod := range s.controllers() {
		s.said(pod.Name(), given, "a kind is read again", "HTTPRoute")
		// Of no other kind: an API server that has just started may refuse everything for a moment, and no rule is missing for that.
		if lines := s.lines(pod.Name(), taken, "RBAC forbids to read a kind; all others go on"); len(lines) != 1 {
			t.Errorf("one rule was missing, and %s named %d:\n%s", pod.Name(), len(lines), strings.Join(lines, "\n"))
		}
	}
	load.end("RBAC taken away")
}

// without is the rules without reading a resource.
func without(t *testing.T, rules []world.Object, resource string) []any {
	t.Helper()
	var all []any
	found := false
	for _, rule := range rules {
		resources, _ := rule["resources"].([]any)
		resources = slices.DeleteFunc(slices.Clone(resources), func(one any) bool {
			found = found || one == resource
			return one == resource
		})
		if len(resources) > 0 {
			copied := world.Object{}
			for name, value := range rule {
				copied[name] = value
			}
			copied["resources"] = resources
			all = append(all, map[string]any(copied))
		}
	}
	if !found {
		t.Fatalf("no rule is for %s: %v", resource, rules)
	}
	return all
}

const routeCRD = "httproutes.gateway.networking.k8s.io"

func crd(name string) string {
	return "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + name
}

// CRDs of a later version: the GatewayClass says so, and everything is served.
func TestVersionOfCRDs(t *testing.T) {
	s := begin(t, "")
	load := s.load()
	text, err := s.Call(t.Context(), http.MethodGet, crd(routeCRD), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var object world.Object
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	const annotation = "gateway.networking.k8s.io/bundle-version"
	put := func(version string) error {
		_, err := s.Call(context.Background(), http.MethodPatch, crd(routeCRD), "application/merge-patch+json",
			fmt.Appendf(nil, `{"metadata": {"annotations": {%q: %q}}}`, annotation, version))
		return err
	}
	before := object.Text("metadata", "annotations", annotation)
	t.Cleanup(func() {
		if err := put(before); err != nil {
			t.Error(err)
		}
	})
	said := func(status, reason string) {
		t.Helper()
		s.WaitFor(fmt.Sprintf("SupportedVersion=%s/%s", status, reason), func() (bool, string) {
			class := s.Find("GatewayClass", "", world.Class)
			condition := class.Condition("SupportedVersion")
			return condition.Is(status, class) && condition.Reason == reason && class.Condition("Accepted").Is("True", class), class.Conditions()
		})
	}
	said("True", "SupportedVersion")
	for _, version := range []string{"v1.99.0", "v0.0.0-dev"} {
		if err := put(version); err != nil {
			t.Fatal(err)
		}
		said("False", "UnsupportedVersion")
		if err := put(before); err != nil {
			t.Fatal(err)
		}
		said("True", "SupportedVersion")
	}
	s.route("made", "two")
	s.served("made.test", "two")
	load.end("CRDs of another version")
}

// Without the CRD of HTTPRoute there are no routes, which one line of each controller says; Gateways stay in service, and
// with the CRD, routes are served.
func TestCRDMissing(t *testing.T) {
	s := begin(t, "")
	text, err := s.Call(t.Context(), http.MethodGet, crd(routeCRD), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var object world.Object
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	made, err := json.Marshal(map[string]any{"apiVersion": object["apiVersion"], "kind": object["kind"], "spec": object["spec"],
		"metadata": map[string]any{"name": routeCRD, "annotations": object.At("metadata", "annotations")}})
	if err != nil {
		t.Fatal(err)
	}
	restore := func() error {
		_, err := s.Call(context.Background(), http.MethodPost, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "application/json", made)
		return err
	}
	there := true
	t.Cleanup(func() {
		if !there {
			if err := restore(); err != nil {
				t.Error(err)
			}
		}
	})
	// The only answer that is the same with routes and without is that of a host that none of them has.
	load := s.loadOf(usual, s.request("nobody.test"), "404", func(a world.Answer) bool { return a.Status == http.StatusNotFound })
	deleted := time.Now()
	there = false
	if _, err := s.Call(t.Context(), http.MethodDelete, crd(routeCRD), "", nil); err != nil {
		t.Fatal(err)
	}
	s.Answered(s.request(steady), http.StatusNotFound)
	for _, pod := range s.controllers() {
		s.said(pod.Name(), deleted, "a kind is off until its CRD is there", "HTTPRoute")
	}
	s.WaitFor("the CRD to be gone", func() (bool, string) {
		_, err := s.Call(context.Background(), http.MethodGet, crd(routeCRD), "", nil)
		return world.Gone(err), fmt.Sprint(err)
	})
	s.Apply(world.GatewayText("edge", world.HTTPListener, "{name: other, protocol: HTTP, port: 8080}"))
	s.WaitObject("Gateway", "edge", "the other listener programmed", func(o world.Object) bool {
		return o.Condition("Programmed").Is("True", o) && o.ListenerCondition("other", "Programmed").Is("True", o)
	})
	there = true
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	s.WaitFor("the API server to take routes", func() (bool, string) {
		err := s.TryApply(context.Background(), s.Namespace, world.RouteText("steady", "name: edge", []string{steady}, world.To("one")))
		return err == nil, fmt.Sprint(err)
	})
	back := time.Now()
	s.within(promptly, back, "a route after its CRD is back", func() (bool, string) {
		answer := s.Ask(s.request(steady))
		return fromOne(answer), answer.String()
	})
	for _, pod := range s.controllers() {
		s.said(pod.Name(), deleted, "a kind is on: its CRD is there", "HTTPRoute")
		if lines := s.lines(pod.Name(), deleted, "a kind is off until its CRD is there"); len(lines) != 1 {
			t.Errorf("it was said %d times: %v", len(lines), lines)
		}
	}
	s.Resolved("steady")
	load.end("CRD missing")
}
