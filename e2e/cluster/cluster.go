// Package cluster runs a real single-node Kubernetes on this machine, without Docker: etcd, the API server, the
// controller manager, the scheduler, containerd, the kubelet, kube-proxy and CoreDNS, each the real program.
//
// A cluster lives in a network namespace and a mount namespace of its own, so several can run side by side, no packet
// leaves the machine, and its mounts are seen by nobody else. All its processes are in one control group: what is in
// there is what `down` ends, also after a crash. Needs root on Linux, and the packages of `hack/deps cluster`.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

// The addresses of a cluster. All of them are inside its own network namespace, so every cluster has the same ones.
const (
	NodeAddress     = "10.88.0.1"
	PodNetwork      = "10.88.0.0/16"
	FirstPodAddress = "10.88.1.1"
	// Pods and the node have addresses of IPv6, too; Services have none.
	NodeAddress6 = "fd00:10:88::1"
	PodNetwork6  = "fd00:10:88::/64"

	ServiceNetwork = "10.96.0.0/16"
	APIService     = "10.96.0.1"
	DNSService     = "10.96.0.10"
	// LoadBalancerNetwork is the pool for Services of type LoadBalancer. One that asks for no address gets none of the
	// first 256: those stay free for spec.loadBalancerIP.
	LoadBalancerNetwork = "10.89.0.0/16"

	APIServer = "https://" + NodeAddress + ":6443"
	NodeName  = "node"
)

// DefaultName is the name of the cluster when none is given.
const DefaultName = "portreeve"

// Options of a cluster.
type Options struct {
	// Name tells clusters on one machine apart. Empty: DefaultName.
	Name string
	// State is the folder under which each cluster has one of its own. Empty: /var/lib/portreeve/clusters.
	State string
	// Progress gets a line for each step. Nil: nothing is said.
	Progress io.Writer
}

// Cluster is a cluster by its name, whether it runs or not. Methods may be called from any goroutine and from several
// processes; Up and Down wait for each other.
type Cluster struct {
	name     string
	state    string
	progress io.Writer
	groups   controlGroups
	begun    time.Time
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,22}[a-z0-9])?$`)

// Open returns the cluster of that name; it starts nothing.
func Open(options Options) (*Cluster, error) {
	if options.Name == "" {
		options.Name = DefaultName
	}
	if options.State == "" {
		options.State = "/var/lib/portreeve/clusters"
	}
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	if !nameForm.MatchString(options.Name) {
		return nil, fmt.Errorf("cluster name %q: use at most 24 of a-z, 0-9 and -", options.Name)
	}
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return nil, errors.New("a cluster needs namespaces, mounts and control groups: run this as root on Linux")
	}
	state, err := filepath.Abs(filepath.Join(options.State, options.Name))
	if err != nil {
		return nil, err
	}
	// containerd's socket is the longest path that must fit into a socket address.
	if len(state) > 70 {
		return nil, fmt.Errorf("state folder %s: choose one with a path of at most 70 characters", state)
	}
	groups, err := findControlGroups(options.Name)
	if err != nil {
		return nil, err
	}
	return &Cluster{name: options.Name, state: state, progress: options.Progress, groups: groups, begun: time.Now()}, nil
}

// Name is the cluster's name.
func (c *Cluster) Name() string { return c.name }

// Kubeconfig is the path of the administrator's kubeconfig; it is there once the cluster has been started.
func (c *Cluster) Kubeconfig() string { return c.path("admin.kubeconfig") }

// LogFile is where a component (see Components) writes its log.
func (c *Cluster) LogFile(component string) string { return c.path("log", component+".log") }

// AuditLog is the API server's audit log: one JSON object a line for each write to an object of the Gateway API or of
// ours, with who did it.
func (c *Cluster) AuditLog() string { return c.path("log", "audit.jsonl") }

func (c *Cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.state}, parts...)...)
}

// say prints a step with the time since this Cluster was opened.
func (c *Cluster) say(format string, args ...any) {
	fmt.Fprintf(c.progress, "%6.1f s  %s\n", time.Since(c.begun).Seconds(), fmt.Sprintf(format, args...))
}

// lock keeps other processes from starting or stopping this cluster until the returned function is called.
func (c *Cluster) lock(ctx context.Context) (func(), error) { return lockFile(ctx, c.lockPath()) }

func (c *Cluster) lockPath() string { return c.state + ".lock" }

// lockFile locks a file, which is made if need be, and waits for whoever has it. Its holder may remove it.
func lockFile(ctx context.Context, path string) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	var locked *os.File
	err := waitFor(ctx, 0, "", func() (bool, error) {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return false, err
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && isStill(path, file) {
			locked = file
			return true, nil
		}
		file.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
			return false, fmt.Errorf("lock %s: %w", path, err)
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	return func() { locked.Close() }, nil
}

// isStill says whether an open file is the one that has that path now.
func isStill(path string, file *os.File) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(opened, there)
}

// waitFor polls until done says true or fails. A limit of 0 is the context's alone. When time runs out, the error names
// what was waited for.
func waitFor(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("waited %v for %s", limit, what))
		defer cancel()
	}
	pause := 2 * time.Millisecond
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause): // between two looks
			pause = min(pause*2, 100*time.Millisecond)
		}
	}
}

// sourceFolder is the folder of this file.
func sourceFolder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}
