package cluster

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"slices"
	"syscall"
	"text/template"
)

//go:embed files
var files embed.FS

// pauseImage is what each pod's sandbox runs.
const pauseImage = "portreeve.local/pause:1"

// startOrder are the components in the order in which they are started; a later one may need an earlier one.
var startOrder = []string{keeper, "etcd", "containerd", "apiserver", "controller-manager", "scheduler", "kubelet", "proxy", "dns",
	"load-balancer"}

// Components are the names of the cluster's processes, for Start, Kill, Signal, Pid and LogFile.
func (c *Cluster) Components() []string { return slices.Clone(startOrder) }

// daemons is the command line of each component but the keeper.
func (c *Cluster) daemons() map[string][]string {
	pki := func(file string) string { return c.path("pki", file) }
	kubeconfig := func(name string) string { return "--kubeconfig=" + c.path(name+".kubeconfig") }
	return map[string][]string{
		"etcd": {"etcd", "--name=node", "--data-dir=" + c.etcdFolder(), "--quota-backend-bytes=4294967296",
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=node=http://127.0.0.1:2380"},
		"containerd": {"containerd", "--config=" + c.path("containerd.toml")},
		"apiserver": {kubernetes.Program("kube-apiserver"), "--etcd-servers=http://127.0.0.1:2379",
			// The namespace has no default route to find it by.
			"--advertise-address=" + NodeAddress, "--secure-port=6443", "--service-cluster-ip-range=" + ServiceNetwork,
			"--client-ca-file=" + pki("ca.crt"), "--cert-dir=" + c.path("apiserver"),
			"--tls-cert-file=" + pki("apiserver.crt"), "--tls-private-key-file=" + pki("apiserver.key"),
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + pki("service-accounts.key"), "--service-account-signing-key-file=" + pki("service-accounts.key"),
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
			"--kubelet-certificate-authority=" + pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate=" + pki("apiserver-kubelet.crt"), "--kubelet-client-key=" + pki("apiserver-kubelet.key"),
			"--audit-policy-file=" + c.path("audit.yaml"), "--audit-log-path=" + c.AuditLog(), "--event-ttl=15m",
			// This etcd tells too little of its progress for it; each try ends in a log line.
			"--feature-gates=SizeBasedListCostEstimate=false"},
		"controller-manager": {kubernetes.Program("kube-controller-manager"), kubeconfig("controller-manager"),
			"--service-account-private-key-file=" + pki("service-accounts.key"), "--root-ca-file=" + pki("ca.crt"),
			"--cluster-signing-cert-file=" + pki("ca.crt"), "--cluster-signing-key-file=" + pki("ca.key"),
			"--use-service-account-credentials=true", "--leader-elect=false", "--bind-address=127.0.0.1",
			"--cert-dir=" + c.path("controller-manager"), "--kube-api-qps=100", "--kube-api-burst=200"},
		"scheduler": {kubernetes.Program("kube-scheduler"), kubeconfig("scheduler"), "--leader-elect=false",
			"--bind-address=127.0.0.1", "--cert-dir=" + c.path("scheduler")},
		"kubelet": {kubernetes.Program("kubelet"), kubeconfig("kubelet"), "--config=" + c.path("kubelet.yaml"),
			"--hostname-override=" + NodeName, "--node-ip=" + NodeAddress, "--cert-dir=" + c.path("kubelet-pki")},
		"proxy": {kubernetes.Program("kube-proxy"), "--config=" + c.path("proxy.yaml")},
		"dns":   {coredns.Program("coredns"), "-conf", c.path("Corefile")},
		"load-balancer": {loadBalancer.Program("load-balancer"), "-server", APIServer, "-ca", pki("ca.crt"),
			"-certificate", pki("load-balancer.crt"), "-key", pki("load-balancer.key"),
			"-pool", LoadBalancerNetwork, "-kept", keptAddresses},
	}
}

// keptAddresses of LoadBalancerNetwork are given only to who asks for one of them.
const keptAddresses = "10.89.0.0/24"

// settings is what the configuration files are filled with.
type settings struct {
	State, ControlGroup, Snapshotter, PauseImage, NodeName           string
	NodeAddress, PodNetwork, FirstPodAddress, DNSService, Kubeconfig string
	NodeAddress6, PodNetwork6                                        string
}

// configuration names the file in the state folder that each template becomes.
var configuration = map[string]string{
	"containerd.toml": "containerd.toml",
	"kubelet.yaml":    "kubelet.yaml",
	"proxy.yaml":      "proxy.yaml",
	"bridge.conflist": "network/10-bridge.conflist",
	"audit.yaml":      "audit.yaml",
	"resolv.conf":     "resolv.conf",
	"Corefile":        "Corefile",
}

func (c *Cluster) writeConfiguration() error {
	values := settings{State: c.state, ControlGroup: c.groups.name, Snapshotter: c.snapshotter(), PauseImage: pauseImage,
		NodeName: NodeName, NodeAddress: NodeAddress, PodNetwork: PodNetwork, FirstPodAddress: FirstPodAddress, DNSService: DNSService,
		Kubeconfig: c.path("coredns.kubeconfig"), NodeAddress6: NodeAddress6, PodNetwork6: PodNetwork6}
	if err := os.MkdirAll(c.path("network"), 0o755); err != nil {
		return err
	}
	for name, file := range configuration {
		text, err := render(name, values)
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.path(file), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func render(name string, values any) ([]byte, error) {
	parsed, err := template.New(name).Option("missingkey=error").ParseFS(files, "files/"+name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, values); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text.Bytes(), nil
}

// snapshotter is containerd's way to lay out images: overlayfs doesn't work on top of itself, as in a container.
func (c *Cluster) snapshotter() string {
	const overlay = 0x794c7630
	var system syscall.Statfs_t
	if err := syscall.Statfs(c.state, &system); err == nil && system.Type == overlay {
		return "native"
	}
	return "overlayfs"
}
