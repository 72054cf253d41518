package feature

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

func TestVersion(t *testing.T) {
	stdout, stderr, code := harness.RunCommand(t, 10*time.Second, "portreeve", "version")
	if code != 0 || strings.TrimSpace(stdout) == "" {
		t.Errorf("portreeve version: exit code %d, %q %q", code, stdout, stderr)
	}
	for _, name := range []string{"portreeve", "portreeve-controller", "portreeve-dataplane"} {
		stdout, stderr, code := harness.RunCommand(t, 10*time.Second, name, "--help")
		if code != 0 || !strings.Contains(stdout, "--") {
			t.Errorf("%s --help: exit code %d, %q %q", name, code, stdout, stderr)
		}
		if _, _, code = harness.RunCommand(t, 10*time.Second, name, "--no-such-option"); code == 0 {
			t.Errorf("%s --no-such-option: exit code 0", name)
		}
	}
}

// TestWaysToSaveAFile: whatever way an editor takes, the new content is served.
func TestWaysToSaveAFile(t *testing.T) {
	b := harness.NewBackend(t, "b", nil)
	w := start(t, harness.Options{}, nil, b.Service())
	path := filepath.Join(w.Folder.Path, w.Folder.FileOf("HTTPRoute", harness.Namespace, "r"))
	to := func(service string) []byte {
		return []byte(harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", service, "")))
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "route.yaml")
	for name, save := range map[string]func([]byte){
		"in place":            func(text []byte) { must(os.WriteFile(path, text, 0o644)) },
		"rename over":         func(text []byte) { must(os.WriteFile(path+".new", text, 0o644)); must(os.Rename(path+".new", path)) },
		"from another folder": func(text []byte) { must(os.WriteFile(outside, text, 0o644)); must(os.Rename(outside, path)) },
		"backup, then new":    func(text []byte) { must(os.Rename(path, path+"~")); must(os.WriteFile(path, text, 0o644)) },
		"delete, then new":    func(text []byte) { must(os.Remove(path)); must(os.WriteFile(path, text, 0o644)) },
		"swap file beside it": func(text []byte) {
			must(os.WriteFile(filepath.Join(w.Folder.Path, ".r.yaml.swp"), []byte("\x00\x01"), 0o644))
			must(os.WriteFile(path, text, 0o644))
		},
		"in pieces": func(text []byte) { writePieces(t, path, text) },
		"symlink to elsewhere": func(text []byte) {
			must(os.WriteFile(outside, text, 0o644))
			must(os.Remove(path))
			must(os.Symlink(outside, path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, service := range []string{"b", "a", "b", "a"} {
				save(to(service))
				w.settle("/", 200, service)
				if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
					must(os.Remove(path))
					must(os.WriteFile(path, to(service), 0o644))
				}
			}
		})
	}
}

func writePieces(t *testing.T, path string, text []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for len(text) > 0 {
		n := min(50, len(text))
		if _, err := file.Write(text[:n]); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
}

// TestOtherFilesAreIgnored: what isn't YAML isn't read.
func TestOtherFilesAreIgnored(t *testing.T) {
	w := start(t, harness.Options{}, nil)
	for _, name := range []string{"README.md", "notes.txt", "x.yaml~", "#x.yaml#", ".hidden.yaml", "4913"} {
		w.Folder.Write(name, "{ this: is not [ YAML")
	}
	w.stillServes()
	if text, code := validateText(t, w.Folder.Path); code != 0 {
		t.Errorf("validate: exit code %d\n%s", code, text)
	}
}

// TestSavedFileIsServedSoon: the median of the time from the rename to the first new answer.
func TestSavedFileIsServedSoon(t *testing.T) {
	b := harness.NewBackend(t, "b", nil)
	w := start(t, harness.Options{}, nil, b.Service())
	client := w.dial()
	var took []time.Duration
	for n := range 30 {
		service := []string{"b", "a"}[n%2]
		w.Folder.Apply(harness.RouteDoc("r", "edge", "", nil, harness.PrefixRule("/", service, "")))
		saved := time.Now()
		for string(exchange(t, client, harness.Request{}).Body) != service {
			if time.Since(saved) > harness.Scale(5*time.Second) {
				t.Fatal("the change doesn't come")
			}
		}
		took = append(took, time.Since(saved))
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > harness.Scale(50*time.Millisecond) {
		t.Errorf("a saved file is served after %v (median), want 50 ms", median)
	}
}
