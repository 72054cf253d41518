//go:build cluster

package fault

import (
	"strings"
	"testing"

	"portreeve.dev/e2e/cluster"
	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

// assured gives a Deployment's pods as much weight on a busy machine as data planes have. Those that ask for nothing get
// next to nothing there, and a backend that can't answer is none of the faults that are tested here.
func assured(text string) string {
	return strings.ReplaceAll(text, "        readinessProbe:", "        resources: {requests: {cpu: 100m}}\n        readinessProbe:")
}

// loadNext gives our images to the node under another tag, and returns it.
func loadNext(t *testing.T, w *world.World) string {
	t.Helper()
	next := w.Tag + "-next"
	for _, program := range cluster.ProductPrograms {
		made, err := cluster.ProductImage(harness.BinFolder(), program, next)
		if err == nil {
			err = w.LoadImage(t.Context(), made)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return next
}
