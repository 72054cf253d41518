// Package helm renders the chart with the real helm, for different values. That it installs, upgrades and goes again is
// tested where there is a cluster.
package helm

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"portreeve.dev/e2e/cluster"
	"portreeve.dev/e2e/harness"
)

const namespace = "portreeve-system"

func root() string  { return filepath.Dir(harness.Root()) }
func chart() string { return filepath.Join(root(), "helm", "portreeve") }

var build sync.Once

// helm runs helm with these arguments, without a cluster, and returns what it printed.
func helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	tools := cluster.Tools()
	tool := tools[slices.IndexFunc(tools, func(tool *cluster.Tool) bool { return tool.Name == "helm" })]
	build.Do(func() { err = cluster.Build(t.Context(), []*cluster.Tool{tool}, t.Logf) })
	if err != nil || !tool.Built() {
		t.Fatalf("there is no helm: %v", err)
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), tool.Program("helm"), args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home,
		"KUBECONFIG="+filepath.Join(home, "none"))
	var out, errors strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errors
	err = cmd.Run()
	return out.String(), errors.String(), err
}

// template is the manifest for these further arguments (--set …) of a chart, a folder or a package.
func template(t *testing.T, chart string, args ...string) string {
	t.Helper()
	stdout, stderr, err := helm(t, append([]string{"template", "portreeve", chart, "--namespace", namespace}, args...)...)
	if err != nil {
		t.Fatalf("helm template %v: %v\n%s", args, err, stderr)
	}
	return stdout
}

// render is the objects of the chart for these further arguments.
func render(t *testing.T, args ...string) objects {
	t.Helper()
	return parse(t, template(t, chart(), args...))
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root()}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
