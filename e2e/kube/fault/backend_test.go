//go:build cluster

package fault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portreeve.dev/e2e/harness"
)

// The backends of the examples are rolled.
func TestBackendsRolled(t *testing.T) {
	t.Parallel()
	s := begin(t, "")
	s.Delete("Deployment", "one")
	s.Delete("Service", "one")
	s.Apply(assured(example(t, s, "kubernetes/backends.yaml")))
	s.rolledOut("one", 2)
	s.served(steady, "one")
	load := s.load()
	s.Kubectl(t, "rollout", "restart", "--namespace", s.Namespace, "deployment/one")
	s.rolledOut("one", 2)
	load.end("backends rolled")
}

// example is a file of the examples, for this namespace and our images.
func example(t *testing.T, s *stage, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(harness.Root()), "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for part := range strings.SplitSeq(string(text), "\n---\n") {
		if !strings.Contains(part, "kind: Namespace\n") {
			parts = append(parts, part)
		}
	}
	return strings.NewReplacer("namespace: demo", "namespace: "+s.Namespace, "portreeve-demo-backend:0.1.0", "portreeve-demo-backend:"+s.Tag).
		Replace(strings.Join(parts, "\n---\n"))
}
