package http2

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// h2spec is the path of the conformance suite: environment H2SPEC, or a copy that is built once.
func h2spec(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("H2SPEC"); path != "" {
		return path
	}
	for _, path := range []string{"../build/tools/bin/h2spec", "bin/h2spec"} {
		path = filepath.Join(harness.Root(), path)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	bin := filepath.Join(harness.Root(), "bin")
	install := exec.Command("go", "install", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible")
	install.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=")
	install.Dir = t.TempDir()
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("h2spec can't be built: %v\n%s", err, output)
	}
	return filepath.Join(bin, "h2spec")
}

func TestH2spec(t *testing.T) {
	path := h2spec(t)
	w := start(t, harness.Options{Workers: 1}, nil)
	for name, args := range map[string][]string{
		"tls": {"-t", "-k", "-p", fmt.Sprint(w.securePort)},
		"h2c": {"-p", fmt.Sprint(w.plain)},
	} {
		t.Run(name, func(t *testing.T) {
			seconds := fmt.Sprint(int(harness.Scale(3 * time.Second).Seconds()))
			suite := exec.Command(path, append(args, "-h", "127.0.0.1", "--strict", "-o", seconds)...)
			output, err := suite.CombinedOutput()
			text := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(string(output), "")
			summary := regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`).FindStringSubmatch(text)
			if summary == nil {
				t.Fatalf("h2spec: %v\n%s", err, text)
			}
			fmt.Printf("http2: h2spec over %s: %s\n", name, summary[0])
			if summary[4] != "0" || summary[1] == "0" {
				_, failures, _ := strings.Cut(text, "Failures:")
				t.Errorf("h2spec over %s: %s\n%s", name, summary[0], failures)
			}
			w.CheckAlive(t)
		})
	}
}
