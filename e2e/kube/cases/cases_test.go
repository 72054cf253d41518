//go:build cluster

// Package cases runs the case files of e2e/cases with a real API server, our controller and the data planes that it makes.
package cases

import (
	"maps"
	"testing"

	"portreeve.dev/e2e/cases"
	"portreeve.dev/e2e/kube/world"
)

func TestCases(t *testing.T) {
	w := world.Ready(t)
	before := controllers(w)
	cases.RunFiles(t, []string{"tls", "websocket", "http2", "kubernetes"}, 4, func(t testing.TB) cases.Place { return newPlace(t, w) })
	if after := controllers(w); !maps.Equal(before, after) {
		t.Errorf("controllers, with how often each was started again: %v, at the beginning %v", after, before)
	}
}

// controllers are the names of the controller's pods, with how often each was started again.
func controllers(w *world.World) map[string]int {
	return restarts(w.List("Pod", world.SystemNamespace, "app.kubernetes.io/component=controller"))
}

func restarts(pods []world.Object) map[string]int {
	all := map[string]int{}
	for _, pod := range pods {
		for _, container := range pod.Items("status", "containerStatuses") {
			all[pod.Name()] += container.Number("restartCount")
		}
	}
	return all
}
