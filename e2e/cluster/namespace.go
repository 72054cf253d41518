package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed files/world.sh
var worldScript string

//go:embed files/network.sh
var networkScript string

// keeper is the component that holds the namespaces; while it lives, they do.
const keeper = "keeper"

// systemFolders is the PATH of the daemons.
const systemFolders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// createWorld makes the namespaces with their mounts and their network.
func (c *Cluster) createWorld(ctx context.Context, pause string) error {
	// The last two are never removed again: without its mount point, another cluster's mount would go, too.
	for _, folder := range []string{c.path("root"), c.path("kubelet"), c.path("cni"), "/var/lib/kubelet", "/var/lib/cni"} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	// They are there already, or are built in, or can't be loaded: then what needs them says so.
	_ = exec.Command("modprobe", "-a", "-q", "overlay", "br_netfilter", "nf_conntrack", "nf_tables").Run()
	err := c.spawn(keeper, "unshare", "--mount", "--net", "--propagation", "unchanged", "--", "/bin/sh", "-euc", worldScript, "world",
		c.state, pause)
	if err != nil {
		return err
	}
	err = waitFor(ctx, 10*time.Second, "the cluster's namespaces", func() (bool, error) {
		pid, running := c.Pid(keeper)
		if !running {
			return false, c.died(keeper)
		}
		// The script becomes the keeper when all is made.
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return err == nil && strings.TrimSpace(string(name)) == filepath.Base(pause), nil
	})
	if err != nil {
		return err
	}
	network, err := c.Command("/bin/sh", "-euc", networkScript, "network", NodeAddress, PodNetwork, ServiceNetwork, LoadBalancerNetwork,
		NodeAddress6, PodNetwork6)
	if err != nil {
		return err
	}
	if output, err := network.CombinedOutput(); err != nil {
		return fmt.Errorf("the cluster's network: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

var errNotRunning = errors.New("the cluster isn't running: start it with up")

// Command prepares a program that runs in the cluster's network: it reaches pods, Services and load balancer addresses,
// and nothing outside. It sees this machine's files, and finds kubectl and helm on its PATH and the cluster in KUBECONFIG.
func (c *Cluster) Command(name string, args ...string) (*exec.Cmd, error) {
	pid, running := c.Pid(keeper)
	if !running {
		return nil, errNotRunning
	}
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(pid), "--net", "--", name}, args...)...)
	cmd.Env = c.environment()
	return cmd, nil
}

// environment is this process's, made fit for programs that use the cluster.
func (c *Cluster) environment() []string {
	var environment []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch strings.ToUpper(name) {
		// A proxy can't be reached from the cluster's network.
		case "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "KUBECONFIG", "KUBECACHEDIR", "PATH":
		default:
			environment = append(environment, entry)
		}
	}
	path := os.Getenv("PATH")
	if path == "" {
		path = systemFolders
	}
	for _, tool := range []*Tool{kubernetes, helm, conformance} {
		path = tool.Folder() + ":" + path
	}
	return append(environment, "PATH="+path, "KUBECONFIG="+c.Kubeconfig(), "KUBECACHEDIR="+c.path("kubectl-cache"))
}

// insideArguments is the command line that runs a program as a daemon of the cluster sees the machine, in the folder /.
func (c *Cluster) insideArguments(argv []string) ([]string, error) {
	pid, running := c.Pid(keeper)
	if !running {
		return nil, errNotRunning
	}
	return append([]string{"nsenter", "--target", strconv.Itoa(pid), "--net", "--mount", "--root", "--wd", "--"}, argv...), nil
}

// Dial connects from inside the cluster's network. The address must be a literal one: names are the cluster's own
// matter (see Resolver).
func (c *Cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("dial %s: want ADDRESS:PORT: %w", address, err)
	}
	pid, running := c.Pid(keeper)
	if !running {
		return nil, errNotRunning
	}
	return dialIn(ctx, pid, network, address)
}

// dialIn connects from the network that a process is in.
func dialIn(ctx context.Context, pid int, network, address string) (net.Conn, error) {
	return inNetwork(pid, func() (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	})
}

// Listen accepts connections in the cluster's network; pods reach what listens on NodeAddress or NodeAddress6. The
// address must be a literal one.
func (c *Cluster) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("listen on %s: want ADDRESS:PORT: %w", address, err)
	}
	pid, running := c.Pid(keeper)
	if !running {
		return nil, errNotRunning
	}
	return inNetwork(pid, func() (net.Listener, error) {
		var config net.ListenConfig
		return config.Listen(ctx, network, address)
	})
}

// inNetwork opens a socket in the network that a process is in.
func inNetwork[Socket io.Closer](pid int, open func() (Socket, error)) (none Socket, err error) {
	// A socket belongs to the namespace that its thread is in when it is made; with a literal address, that is this one.
	runtime.LockOSThread()
	outside, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return none, err
	}
	defer outside.Close()
	inside, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		runtime.UnlockOSThread()
		return none, err
	}
	defer inside.Close()
	if err := enterNetwork(inside); err != nil {
		runtime.UnlockOSThread()
		return none, err
	}
	socket, opened := open()
	if err := enterNetwork(outside); err != nil {
		// The thread stays locked, and ends with its goroutine: nobody else may run in there.
		if opened == nil {
			socket.Close()
		}
		return none, err
	}
	runtime.UnlockOSThread()
	return socket, opened
}

// setns is the number of that system call, which the syscall package doesn't have.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}[runtime.GOARCH]

func enterNetwork(namespace *os.File) error {
	if _, _, errno := syscall.RawSyscall(setns, namespace.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
		return os.NewSyscallError("setns", errno)
	}
	return nil
}

// Resolver asks the cluster's DNS.
func (c *Cluster) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return c.Dial(ctx, network, DNSService+":53")
	}}
}

// Transport is an HTTP transport whose connections come from inside the cluster's network. A host of a URL that is a
// name is asked of the cluster's DNS.
func (c *Cluster) Transport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if _, err := netip.ParseAddr(host); err != nil {
			addresses, err := c.Resolver().LookupNetIP(ctx, "ip4", host)
			if err != nil {
				return nil, err
			}
			host = addresses[0].String()
		}
		return c.Dial(ctx, network, net.JoinHostPort(host, port))
	}}
}
