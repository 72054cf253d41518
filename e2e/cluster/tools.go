package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// recipe stands for what this file does with the sources: change it together with the flags of a build.
const recipe = "1"

// Tool is a set of programs that is built once and kept outside the tree, in a folder named after its version and
// everything it is built from.
type Tool struct {
	Name string
	// What it is for, in a few words.
	Purpose string

	// The Go module whose version is the tool's, as it stands in tools/MODULE_FOLDER/go.mod; empty for our own.
	module string
	// Relative to this package: what decides the outcome; a folder stands for its files.
	sources []string
	// What must be there afterwards.
	programs []string
	build    func(ctx context.Context, tool *Tool, to string) error

	resolve sync.Once
	version string
	folder  string
	err     error
}

var (
	kubernetes = &Tool{Name: "kubernetes", Purpose: "the API server, the kubelet and all the others, and kubectl",
		module: "k8s.io/kubernetes", sources: []string{"tools/kubernetes"},
		programs: []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"},
		build:    buildKubernetes}
	coredns = &Tool{Name: "coredns", Purpose: "the cluster's DNS", module: "github.com/coredns/coredns",
		sources: []string{"tools/coredns"}, programs: []string{"coredns"},
		build: goPackages("tools/coredns", ".")}
	gatewayAPI = &Tool{Name: "gateway-api", Purpose: "the Gateway API's CRDs, both channels", module: "sigs.k8s.io/gateway-api",
		sources: []string{"tools/conformance/go.mod"}, programs: []string{"standard", "experimental"}, build: copyCRDs}
	echo = &Tool{Name: "echo", Purpose: "echo-basic, the backend of the conformance suite", module: "sigs.k8s.io/gateway-api/conformance",
		sources: []string{"tools/echo"}, programs: []string{"echo-basic"},
		build: goPackages("tools/echo", "sigs.k8s.io/gateway-api/conformance/echo-basic")}
	helm = &Tool{Name: "helm", Purpose: "helm", module: "helm.sh/helm/v4", sources: []string{"tools/helm"},
		programs: []string{"helm"}, build: goPackages("tools/helm", "helm.sh/helm/v4/cmd/helm")}
	conformance = &Tool{Name: "conformance", Purpose: "the official conformance suite, as conformance.test",
		module: "sigs.k8s.io/gateway-api/conformance", sources: []string{"tools/conformance"},
		programs: []string{"conformance.test"}, build: buildConformance}
	loadBalancer = &Tool{Name: "load-balancer", Purpose: "gives addresses to Services of type LoadBalancer",
		sources: []string{"loadbalancer"}, programs: []string{"load-balancer"}, build: goPackages(".", "./loadbalancer")}
	pause = &Tool{Name: "pause", Purpose: "what the sandbox of each pod runs", sources: []string{"pause"},
		programs: []string{"pause"}, build: buildPause}
)

// Tools are all tools, what a cluster needs first.
func Tools() []*Tool {
	return []*Tool{pause, loadBalancer, gatewayAPI, echo, coredns, kubernetes, helm, conformance}
}

// needed is what up can't do without.
func needed() []*Tool { return []*Tool{pause, loadBalancer, gatewayAPI, coredns, kubernetes} }

// Version is the tool's version, "v1.2.3"; "own" for ours.
func (t *Tool) Version() string {
	t.locate()
	return t.version
}

// Folder is where its programs are, or will be.
func (t *Tool) Folder() string {
	t.locate()
	return t.folder
}

// Program is the path of one of its programs.
func (t *Tool) Program(name string) string { return filepath.Join(t.Folder(), name) }

// Built says whether it is there.
func (t *Tool) Built() bool {
	t.locate()
	if t.err != nil {
		return false
	}
	for _, name := range t.programs {
		if _, err := os.Stat(t.Program(name)); err != nil {
			return false
		}
	}
	return true
}

func (t *Tool) locate() {
	t.resolve.Do(func() { t.version, t.folder, t.err = t.find() })
}

func (t *Tool) find() (version, folder string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", fmt.Errorf("%s needs a place for its programs: set HOME or XDG_CACHE_HOME: %w", t.Name, err)
	}
	version = "own"
	sum := sha256.New()
	fmt.Fprintln(sum, recipe)
	for _, source := range t.sources {
		err := filepath.WalkDir(filepath.Join(sourceFolder(), source), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(sum, "%s %d\n%s", entry.Name(), len(text), text)
			if entry.Name() == "go.mod" && t.module != "" {
				version, err = requiredVersion(text, t.module)
			}
			return err
		})
		if err != nil {
			return "", "", err
		}
	}
	key := version + "-" + hex.EncodeToString(sum.Sum(nil))[:8]
	return version, filepath.Join(cache, "portreeve", "cluster", t.Name, key), nil
}

// requiredVersion is the version that a go.mod requires of a module.
func requiredVersion(mod []byte, module string) (string, error) {
	form := regexp.MustCompile(`(?m)^(?:require)?\s+` + regexp.QuoteMeta(module) + `\s+(v\S+)`)
	match := form.FindSubmatch(mod)
	if match == nil {
		return "", fmt.Errorf("no version of %s in its go.mod", module)
	}
	return string(match[1]), nil
}

// Build builds those that aren't there yet. Progress may be nil.
func Build(ctx context.Context, tools []*Tool, progress func(format string, args ...any)) error {
	if progress == nil {
		progress = func(string, ...any) {}
	}
	for _, tool := range tools {
		tool.locate()
		if tool.err != nil {
			return tool.err
		}
		if tool.Built() {
			continue
		}
		if err := tool.make(ctx, progress); err != nil {
			return fmt.Errorf("build %s %s: %w", tool.Name, tool.version, err)
		}
	}
	return nil
}

func (t *Tool) make(ctx context.Context, progress func(string, ...any)) error {
	unlock, err := lockFile(ctx, filepath.Join(filepath.Dir(t.folder), "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if t.Built() {
		return nil
	}
	progress("building %s %s: %s", t.Name, t.version, t.Purpose)
	begin := time.Now()
	// Built beside, so that what has the right name is whole.
	unfinished := t.folder + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.MkdirAll(unfinished, 0o755); err != nil {
		return err
	}
	if err := t.build(ctx, t, unfinished); err != nil {
		return errors.Join(err, os.RemoveAll(unfinished))
	}
	if err := os.RemoveAll(t.folder); err != nil {
		return err
	}
	if err := os.Rename(unfinished, t.folder); err != nil {
		return err
	}
	if !t.Built() {
		return fmt.Errorf("it made no %s", strings.Join(t.programs, ", "))
	}
	progress("built %s in %.0f s", t.Name, time.Since(begin).Seconds())
	return nil
}

// goPackages builds Go programs of a module, in the folder of its go.mod.
func goPackages(folder string, packages ...string) func(context.Context, *Tool, string) error {
	return func(ctx context.Context, _ *Tool, to string) error {
		_, err := runGo(ctx, folder, append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", to + "/"}, packages...)...)
		if err != nil || folder != "." {
			return err
		}
		// Ours are named after their folder, and the tool after what it is.
		return os.Rename(filepath.Join(to, "loadbalancer"), filepath.Join(to, "load-balancer"))
	}
}

func buildKubernetes(ctx context.Context, tool *Tool, to string) error {
	// Otherwise clients see v0.0.0, and some refuse that.
	parts := strings.Split(strings.TrimPrefix(tool.version, "v"), ".")
	const version = "k8s.io/component-base/version."
	flags := fmt.Sprintf("-s -w -X %[1]sgitVersion=%[2]s -X %[1]sgitMajor=%[3]s -X %[1]sgitMinor=%[4]s", version, tool.version, parts[0], parts[1])
	args := []string{"build", "-trimpath", "-ldflags=" + flags, "-o", to + "/"}
	for _, program := range tool.programs {
		args = append(args, "k8s.io/kubernetes/cmd/"+program)
	}
	_, err := runGo(ctx, "tools/kubernetes", args...)
	return err
}

func buildConformance(ctx context.Context, _ *Tool, to string) error {
	_, err := runGo(ctx, "tools/conformance", "test", "-c", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(to, "conformance.test"), ".")
	return err
}

// copyCRDs leaves kustomization.yaml out, so that `kubectl apply -f FOLDER` takes the rest.
func copyCRDs(ctx context.Context, tool *Tool, to string) error {
	module, err := runGo(ctx, "tools/conformance", "mod", "download", "-json", tool.module+"@"+tool.version)
	if err != nil {
		return err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal([]byte(module), &downloaded); err != nil {
		return err
	}
	for _, channel := range tool.programs {
		all, err := filepath.Glob(filepath.Join(downloaded.Dir, "config", "crd", channel, "*.yaml"))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, channel), 0o755); err != nil {
			return err
		}
		for _, file := range all {
			if filepath.Base(file) == "kustomization.yaml" {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, channel, filepath.Base(file)), text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

func buildPause(ctx context.Context, _ *Tool, to string) error {
	cmd := exec.CommandContext(ctx, "gcc", "-O2", "-static", "-s", "-o", filepath.Join(to, "pause"), filepath.Join(sourceFolder(), "pause", "pause.c"))
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w: %s", err, output)
	}
	return nil
}

// findGo finds a Go; which version it then runs as is what each go.mod asks for.
func findGo() (string, error) {
	if path, err := exec.LookPath("go"); err == nil {
		return path, nil
	}
	for _, path := range []string{"/usr/local/go/bin/go", filepath.Join(sourceFolder(), "../../build/tools/go/bin/go")} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no go: run hack/deps cluster")
}

// runGo runs the go command in a folder of this package, and returns what it printed.
func runGo(ctx context.Context, folder string, args ...string) (string, error) {
	path, err := findGo()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = filepath.Join(sourceFolder(), folder)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly -buildvcs=false", "GOWORK=off", "GOTOOLCHAIN=auto", "GOOS=", "GOARCH=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()+stdout.String()), "\n")
		return "", fmt.Errorf("go %s: %w:\n    %s", args[0], err, strings.Join(lines[max(0, len(lines)-15):], "\n    "))
	}
	return stdout.String(), nil
}
