package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Channel is which of the Gateway API's CRDs a cluster has.
type Channel string

// The channels. NoCRDs leaves all of them to whoever uses the cluster.
const (
	Experimental Channel = "experimental"
	Standard     Channel = "standard"
	NoCRDs       Channel = "none"
)

// Up starts the cluster and returns when its node is ready, its DNS answers and its CRDs are there. What is missing of
// its programs is built first. A cluster that runs, and is what this would start, stays as it is; whatever else is left
// of one, after a crash for example, is removed, with all its objects.
func (c *Cluster) Up(ctx context.Context, channel Channel) error {
	if channel != Experimental && channel != Standard && channel != NoCRDs {
		return fmt.Errorf("no such channel of CRDs: %q (%s, %s or %s)", channel, Experimental, Standard, NoCRDs)
	}
	if err := checkPrograms(); err != nil {
		return err
	}
	if err := Build(ctx, needed(), c.say); err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	print := c.fingerprint(channel)
	if have, err := os.ReadFile(c.path("fingerprint")); err == nil && string(have) == print && c.Check(ctx) == nil {
		c.say("cluster %s runs already", c.name)
		return nil
	}
	if err := c.remove(ctx); err != nil {
		return err
	}
	if err := c.start(ctx, channel); err != nil {
		// The logs stay until the next up or down.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return errors.Join(fmt.Errorf("start cluster %s: %w", c.name, err), c.groups.kill(ending))
	}
	if err := os.WriteFile(c.path("fingerprint"), []byte(print), 0o600); err != nil {
		return err
	}
	c.say("cluster %s is up; KUBECONFIG=%s, in the cluster's network", c.name, c.Kubeconfig())
	return nil
}

// checkPrograms names the machine's programs that are missing.
func checkPrograms() error {
	var missing []string
	for _, name := range []string{"etcd", "containerd", "ctr", "containerd-shim-runc-v2", "runc", "nft", "iptables", "ip", "conntrack",
		"nsenter", "unshare", "mount", "gcc"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if _, err := os.Stat("/usr/lib/cni/bridge"); err != nil {
		missing = append(missing, "/usr/lib/cni/bridge")
	}
	if len(missing) > 0 {
		return fmt.Errorf("this machine has no %s: run hack/deps cluster", strings.Join(missing, ", "))
	}
	return nil
}

// fingerprint is everything that a running cluster must agree with.
func (c *Cluster) fingerprint(channel Channel) string {
	sum := sha256.New()
	fmt.Fprintln(sum, c.state, channel, pauseImage)
	for _, tool := range needed() {
		fmt.Fprintln(sum, tool.Folder())
	}
	fmt.Fprintln(sum, c.daemons(), identities)
	_ = fs.WalkDir(files, "files", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			text, _ := files.ReadFile(path)
			fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		}
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))
}

func (c *Cluster) start(ctx context.Context, channel Channel) error {
	if err := os.MkdirAll(c.state, 0o700); err != nil {
		return err
	}
	for _, folder := range []string{"run", "log", "pods-log", "volume-plugins"} {
		if err := os.MkdirAll(c.path(folder), 0o755); err != nil {
			return err
		}
	}
	if err := c.groups.create(startOrder); err != nil {
		return err
	}
	raiseWatches()
	if err := c.createWorld(ctx, pause.Program("pause")); err != nil {
		return err
	}
	if err := errors.Join(c.createCertificates(), c.writeConfiguration()); err != nil {
		return err
	}
	c.say("namespaces, network and certificates are made")
	if err := c.startAll("etcd", "containerd", "apiserver"); err != nil {
		return err
	}
	if err := c.loadPause(ctx); err != nil {
		return err
	}
	if err := c.awaitAPI(ctx); err != nil {
		return err
	}
	c.say("the API server is ready")
	if err := c.startAll("controller-manager", "scheduler", "kubelet", "proxy"); err != nil {
		return err
	}
	if err := c.applyBase(ctx); err != nil {
		return err
	}
	if err := c.startAll("dns", "load-balancer"); err != nil {
		return err
	}
	if channel != NoCRDs {
		if err := c.applyCRDs(ctx, channel); err != nil {
			return err
		}
		c.say("the Gateway API's CRDs are there: %s, %s", gatewayAPI.Version(), channel)
	}
	err := c.await(ctx, 90*time.Second, "the node to be ready", startOrder, func() bool { return c.Check(ctx) == nil })
	if err != nil {
		return fmt.Errorf("%w\n%w", err, c.Check(ctx))
	}
	return nil
}

func (c *Cluster) startAll(components ...string) error {
	for _, component := range components {
		if err := c.Start(component); err != nil {
			return err
		}
	}
	return nil
}

// raiseWatches lets the whole machine have more inotify instances: each container needs some, and Debian allows 128.
func raiseWatches() {
	const path, wanted = "/proc/sys/fs/inotify/max_user_instances", 8192
	text, err := os.ReadFile(path)
	var have int
	if err == nil {
		_, err = fmt.Sscan(string(text), &have)
	}
	if err == nil && have < wanted {
		_ = os.WriteFile(path, []byte(fmt.Sprint(wanted)), 0o644)
	}
}

func (c *Cluster) awaitAPI(ctx context.Context) error {
	err := c.await(ctx, 90*time.Second, "the API server", []string{keeper, "etcd", "apiserver"}, func() bool {
		_, err := c.get(ctx, "/readyz")
		return err == nil
	})
	return c.withLog(err, "apiserver")
}

// applyBase makes the objects that the cluster's own programs need.
func (c *Cluster) applyBase(ctx context.Context) error {
	text, err := render("base.yaml", settings{NodeAddress: NodeAddress, DNSService: DNSService})
	if err != nil {
		return err
	}
	return c.apply(ctx, string(text), "-f", "-")
}

func (c *Cluster) applyCRDs(ctx context.Context, channel Channel) error {
	folder := gatewayAPI.Program(string(channel))
	// Without a schema to check them by, which is much to fetch; the server checks them itself.
	if err := c.apply(ctx, "", "--validate=false", "-f", folder); err != nil {
		return err
	}
	return c.kubectl(ctx, "", "wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
}

func (c *Cluster) apply(ctx context.Context, stdin string, args ...string) error {
	return c.kubectl(ctx, stdin, append([]string{"apply", "--server-side"}, args...)...)
}

func (c *Cluster) kubectl(ctx context.Context, stdin string, args ...string) error {
	cmd, err := c.Kubectl(args...)
	if err != nil {
		return err
	}
	cmd.Stdin = strings.NewReader(stdin)
	return runQuietly(ctx, cmd)
}

// Kubectl prepares a kubectl for the cluster.
func (c *Cluster) Kubectl(args ...string) (*exec.Cmd, error) {
	return c.Command(kubernetes.Program("kubectl"), args...)
}

// runQuietly runs a command; its output is part of the error.
func runQuietly(ctx context.Context, cmd *exec.Cmd) error {
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), errors.Join(err, context.Cause(ctx)), strings.TrimSpace(output.String()))
	}
	return nil
}
