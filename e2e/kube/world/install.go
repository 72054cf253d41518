package world

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

const (
	// SystemNamespace is where the controller runs.
	SystemNamespace = "portreeve-system"
	// Controller is the name of its Deployment.
	Controller = "portreeve-controller"
	// Class is the GatewayClass that the chart makes.
	Class = "portreeve"
)

// Install installs the chart of this tree, or upgrades what is there to it, with our images. Arguments are helm's
// (--set …); what isn't given is as the chart has it.
func (w *World) Install(t testing.TB, args ...string) {
	t.Helper()
	w.install.Lock()
	defer w.install.Unlock()
	chart := filepath.Join(filepath.Dir(harness.Root()), "helm", "portreeve")
	w.Helm(t, append([]string{"upgrade", "--install", "portreeve", chart, "--namespace", SystemNamespace, "--create-namespace",
		"--reset-values", "--wait", "--timeout", harness.Scale(Limit).String(),
		"--set", "controller.image.tag=" + w.Tag, "--set", "dataplane.image.tag=" + w.Tag}, args...)...)
	harness.WaitFor(t, Limit, "GatewayClass "+Class+" to be accepted", func() (bool, string) {
		class := w.Find("GatewayClass", "", Class)
		return class.Condition("Accepted").Is("True", class), class.Conditions()
	})
}

// Helm runs helm in the cluster's network.
func (w *World) Helm(t testing.TB, args ...string) string {
	t.Helper()
	return w.run(t, "", "helm", args...)
}

// Kubectl runs kubectl; for what a person would do, and sees. Where there are many objects, Apply and Create are quicker.
func (w *World) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return w.run(t, "", "kubectl", args...)
}

func (w *World) run(t testing.TB, stdin, name string, args ...string) string {
	t.Helper()
	cmd, err := w.Command(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.Scale(Limit)+30*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output.String())
	}
	return output.String()
}
