//go:build cluster

package feature

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"portreeve.dev/e2e/kube/world"
)

// A namespace that is being deleted takes its objects away one by one, while nothing new may be made in it. The controller
// neither holds it up nor complains without end, and other namespaces are served meanwhile.
func TestNamespaceThatGoes(t *testing.T) {
	const mostComplaints = 20
	s := world.Ready(t).Space(t)
	s.Apply(config("short", "drainSeconds: 0"), s.BackendText("one"), world.RouteText("all", "name: edge", nil, world.To("one")),
		world.GatewayOf(world.Class, "edge", fmt.Sprintf(parameters, "short")))
	s.Serves(world.Request{To: s.Programmed("edge")}, "one")
	// The Gateway is the last to go: what is made for it goes before it, again and again if it is made anew.
	s.Merge("Gateway", "edge", `{"metadata": {"finalizers": ["example.com/held"]}}`)
	release := func(ctx context.Context) error {
		_, err := s.Call(ctx, "PATCH", "/apis/gateway.networking.k8s.io/v1/namespaces/"+s.Namespace+"/gateways/edge",
			"application/merge-patch+json", []byte(`{"metadata": {"finalizers": []}}`))
		if world.Gone(err) {
			return nil
		}
		return err
	}
	t.Cleanup(func() { _ = release(context.Background()) }) // or the namespace would stay for ever
	s.World.Delete(t, "Namespace", "", s.Namespace)
	s.WaitGone("Deployment", "edge-portreeve")
	s.WaitGone("Service", "edge-portreeve")

	other, address := served(t, world.RouteText("all", "name: edge", nil, world.To("one")))
	other.Serves(world.Request{To: address}, "one")
	if err := release(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.WaitFor("the namespace to be gone", func() (bool, string) {
		object, err := s.TryFind(t.Context(), "Namespace", "", s.Namespace)
		return world.Gone(err), fmt.Sprint(object.At("status"), err)
	})
	complaints := 0
	for line := range strings.Lines(s.ControllerLog(s.Begun)) {
		if strings.Contains(line, s.Namespace) && (strings.Contains(line, `"level":"warning"`) || strings.Contains(line, `"level":"error"`)) {
			complaints++
		}
	}
	t.Logf("%d complaints in the controller's log", complaints)
	if complaints > mostComplaints {
		t.Errorf("the controller's log has %d complaints about the namespace, want %d at most:\n%s", complaints, mostComplaints, s.ControllerLog(s.Begun))
	}
}
