//go:build cluster

package conformance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/cluster"
	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

// limit is for the whole suite; it took 143 s on two cores.
const limit = 30 * time.Minute

// profiles are those of the suite, by the route that is core in each.
var profiles = map[string]string{
	"HTTPRoute": "GATEWAY-HTTP", "GRPCRoute": "GATEWAY-GRPC", "TLSRoute": "GATEWAY-TLS", "TCPRoute": "GATEWAY-TCP", "UDPRoute": "GATEWAY-UDP",
}

// The suite asks for one address that the cluster can give, and one that it can't.
const options = `usableNetworkAddresses: [{type: IPAddress, value: 10.89.0.240}]
unusableNetworkAddresses: [{type: IPAddress, value: 10.97.0.1}]
`

// Each test of the suite that ran is a subtest here.
func TestConformance(t *testing.T) {
	w := world.Open(t)
	if err := cluster.Build(t.Context(), []*cluster.Tool{world.Tool("conformance")}, world.Say); err != nil {
		t.Fatal(err)
	}
	if err := w.LoadEcho(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Install(t)
	removeLeftovers(t, w)
	claimed := claims(t, w)
	reports := filepath.Join(filepath.Dir(harness.Root()), "build", "reports")
	report, output := filepath.Join(reports, "conformance.yaml"), filepath.Join(reports, "conformance.log")
	begin := time.Now()
	ended := run(t, w, claimed, report, output)
	world.Say("the suite took %.0f s", time.Since(begin).Seconds())
	passed := tell(t, output)
	if ended != nil {
		t.Errorf("the suite: %v", ended)
	}
	judge(t, report, claimed, passed)
}

// claims is what the GatewayClass says that it supports.
func claims(t *testing.T, w *world.World) []string {
	t.Helper()
	var names []string
	for _, feature := range w.Find("GatewayClass", "", world.Class).Items("status", "supportedFeatures") {
		names = append(names, feature.Text("name"))
	}
	if len(names) == 0 {
		t.Fatal("the GatewayClass claims no feature")
	}
	return names
}

func profilesOf(claimed []string) []string {
	var names []string
	for route, profile := range profiles {
		if slices.Contains(claimed, route) {
			names = append(names, profile)
		}
	}
	slices.Sort(names)
	return names
}

// removeLeftovers removes the namespaces of a run that was broken off: the suite wants to make them.
func removeLeftovers(t *testing.T, w *world.World) {
	t.Helper()
	left := func() (names []string) {
		for _, namespace := range w.List("Namespace", "", "") {
			if name := namespace.Name(); strings.HasPrefix(name, "gateway-conformance-") || strings.HasPrefix(name, "gateway-api-") {
				names = append(names, name)
			}
		}
		return names
	}
	for _, name := range left() {
		w.Delete(t, "Namespace", "", name)
	}
	harness.WaitFor(t, 5*time.Minute, "the namespaces of an earlier run to be gone", func() (bool, string) {
		names := left()
		return len(names) == 0, strings.Join(names, ", ")
	})
}

func run(t *testing.T, w *world.World, claimed []string, report, output string) error {
	t.Helper()
	version, err := cluster.ChartVersion()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(report), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(report); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), "options.yaml")
	if err := os.WriteFile(settings, []byte(options), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(output)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd, err := w.Command(world.Tool("conformance").Program("conformance.test"), "-test.v", "-test.run=^TestConformance$",
		"-test.timeout="+limit.String(), "--gateway-class="+world.Class, "--conformance-profiles="+strings.Join(profilesOf(claimed), ","),
		"--conformance-options-file="+settings, "--report-output="+report, "--organization=portreeve", "--project=portreeve",
		"--url=https://portreeve.dev", "--version=v"+version, "--contact=https://portreeve.dev")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(t.Context(), func() { _ = cmd.Process.Kill() })
	defer stop()
	return cmd.Wait()
}

var result = regexp.MustCompile(`(?m)^    --- (PASS|FAIL): TestConformance/(\S+) \(([0-9.]+)s\)$`)

// tell makes a subtest of each test of the suite, and returns how many passed. What isn't claimed isn't run.
func tell(t *testing.T, output string) int {
	t.Helper()
	text, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, found := range result.FindAllStringSubmatch(string(text), -1) {
		t.Run(found[2], func(t *testing.T) {
			if found[1] == "PASS" {
				passed++
				return
			}
			t.Errorf("it failed after %s s; the suite said:\n%s", found[3], said(string(text), found[2]))
		})
	}
	if passed == 0 {
		t.Errorf("no test passed; the end of %s:\n%s", output, text[max(0, len(text)-3000):])
	}
	return passed
}

// said is what the suite printed while one of its tests ran, or rather the end of it.
func said(text, name string) string {
	var lines []string
	inside := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "=== ") {
			inside = strings.Contains(line, "TestConformance/"+name)
		}
		if inside {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-60):], "")
}

func judge(t *testing.T, path string, claimed []string, passed int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("the suite made no report: %v", err)
	}
	report, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range report.faults(claimed, profilesOf(claimed)) {
		t.Error(wrong)
	}
	for _, profile := range report.Profiles {
		world.Say("%s: core %+v, extended %+v; %d tests passed in all", profile.Name, profile.Core.Statistics, profile.Extended.Statistics, passed)
	}
}
