//go:build cluster

package fault

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"portreeve.dev/e2e/cluster"
	"portreeve.dev/e2e/cluster/image"
	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

const backendProgram = "portreeve-fault-backend"

// backendTag is that of our backend's image, a hash of the program.
var backendTag string

// loadBackend builds the backend and gives its image to the node.
func loadBackend(t *testing.T, w *world.World) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "backend")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./kube/fault/backend")
	build.Dir, build.Env = harness.Root(), append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the backend: %v\n%s", err, output)
	}
	made, err := image.Static(program, "/backend")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append([]byte(image.User), made.Files[0].Data...))
	tag := hex.EncodeToString(sum[:])[:12]
	made.Names, made.User = []string{cluster.ImageName(backendProgram, tag)}, image.User
	has, err := w.HasImage(t.Context(), made.Names[0])
	if err == nil && !has {
		err = w.LoadImage(t.Context(), made)
	}
	if err != nil {
		t.Fatal(err)
	}
	backendTag = tag
}

// backend is a Deployment of one pod and its Service, by our backend in place of the demo one.
func (s *stage) backend(name string) string {
	return ours(s.BackendText(name))
}

var demoImage = regexp.MustCompile(`portreeve-demo-backend:\S+`)

// ours puts our backend in place of the demo one.
func ours(text string) string {
	return assured(demoImage.ReplaceAllString(text, backendProgram+":"+backendTag))
}

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
