//go:build cluster

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestClusterFromUpToDown(t *testing.T) {
	c := openTest(t, "test")
	up(t, c)
	t.Run("a second up changes nothing", func(t *testing.T) { secondUp(t, c) })
	serve(t, c)
	t.Run("a pod serves by every address", func(t *testing.T) { everyAddress(t, c) })
	t.Run("pods reach Services by name", func(t *testing.T) { fromPods(t, c) })
	t.Run("load balancer addresses", func(t *testing.T) { balancers(t, c) })
	t.Run("logs and rights", func(t *testing.T) { logsAndRights(t, c) })
	t.Run("the Gateway API is there", func(t *testing.T) { gatewayObjects(t, c) })
	t.Run("helm", func(t *testing.T) { runsHelm(t, c) })
	t.Run("nothing outside is reached", func(t *testing.T) { isolated(t, c) })
	t.Run("components end and start", func(t *testing.T) { restarts(t, c) })
	t.Run("an older state of etcd", func(t *testing.T) { olderState(t, c) })
	t.Run("every process killed", func(t *testing.T) { crash(t, c) })
	before := namespaces(t, c)
	if err := c.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectEmpty(t, c, before)
	if err := c.Down(t.Context()); err != nil {
		t.Errorf("down without a cluster: %v", err)
	}
}

func secondUp(t *testing.T, c *Cluster) {
	before, _ := c.Pid("apiserver")
	begin := time.Now()
	up(t, c)
	if after, _ := c.Pid("apiserver"); after != before {
		t.Errorf("the API server is another process: %d, then %d", before, after)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func everyAddress(t *testing.T, c *Cluster) {
	clusterIP := kubectl(t, c, "", "get", "service", "echo", "-o", "jsonpath={.spec.clusterIP}")
	pod := kubectl(t, c, "", "get", "pods", "-l", "app=echo", "-o", "jsonpath={.items[0].status.podIP}")
	balanced := address(t, c, "echo")
	if !strings.HasPrefix(balanced, "10.89.") || strings.HasPrefix(balanced, "10.89.0.") {
		t.Errorf("load balancer address %q: want one of the pool, and none that is kept", balanced)
	}
	for _, url := range []string{"http://" + pod + ":3000/", "http://" + clusterIP + "/", "http://" + balanced + "/", "http://echo.default.svc.cluster.local/"} {
		until(t, url, func() error { return answers(c, url) })
		// Not only the first time: each of these takes the whole way again.
		for range 50 {
			if err := answers(c, url); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := c.Resolver().LookupHost(t.Context(), "nowhere.default.svc.cluster.local."); err == nil {
		t.Error("a Service that isn't there has an address")
	}
}

// fromPods connects from inside a pod by the Service's name. The Service leads to that same pod, and to another one of
// the same bridge.
func fromPods(t *testing.T, c *Cluster) {
	inside := podProcess(t, c, "echo-basic")
	resolving, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(inside), "root", "etc/resolv.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nameserver " + DNSService, "search default.svc.cluster.local"} {
		if !strings.Contains(string(resolving), want) {
			t.Errorf("no %q in the pod's resolv.conf:\n%s", want, resolving)
		}
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialIn(ctx, inside, network, DNSService+":53")
	}}
	found, err := resolver.LookupHost(t.Context(), "echo.default.svc.cluster.local.")
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialIn(ctx, inside, network, address)
		}}}
	pods := map[string]bool{}
	for range 100 {
		pod, err := ask(&client, "http://"+found[0]+"/")
		if err != nil {
			t.Fatal(err)
		}
		pods[pod] = true
	}
	if len(pods) != 2 {
		t.Errorf("answers of %v, want two pods", pods)
	}
	for _, address := range []string{NodeAddress, NodeAddress6} {
		listener, err := c.Listen(t.Context(), "tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		connection, err := dialIn(t.Context(), inside, "tcp", listener.Addr().String())
		if err != nil {
			t.Errorf("from a pod to the node: %v", err)
			continue
		}
		connection.Close()
	}
}

func balancers(t *testing.T, c *Cluster) {
	const form = `apiVersion: v1
kind: Service
metadata: {name: %s, namespace: default}
spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, loadBalancerIP: %q, selector: {app: echo}, ports: [{port: 80, targetPort: 3000}]}
`
	has := func(name, want string) func() error {
		return func() error {
			if got := address(t, c, name); got != want {
				return fmt.Errorf("%s has %q, want %q", name, got, want)
			}
			return nil
		}
	}
	refused := func(name, why string) func() error {
		return func() error {
			events := kubectl(t, c, "", "get", "events", "--field-selector", "reason=AddressRefused,involvedObject.name="+name)
			if !strings.Contains(events, why) {
				return fmt.Errorf("events of %s: %s", name, events)
			}
			return nil
		}
	}
	kubectl(t, c, fmt.Sprintf(form, "asks", "10.89.0.240"), "apply", "-f", "-")
	until(t, "the address that was asked for", has("asks", "10.89.0.240"))
	until(t, "an answer from it", func() error { return answers(c, "http://10.89.0.240/") })

	kubectl(t, c, fmt.Sprintf(form, "outside", "10.97.0.1"), "apply", "-f", "-")
	until(t, "the refusal", refused("outside", "isn't an address of the pool"))
	kubectl(t, c, fmt.Sprintf(form, "same", "10.89.0.240"), "apply", "-f", "-")
	until(t, "the other refusal", refused("same", "belongs to default/asks"))
	for _, name := range []string{"outside", "same"} {
		if got := address(t, c, name); got != "" {
			t.Errorf("%s has %s all the same", name, got)
		}
	}
	kubectl(t, c, "", "delete", "service", "asks")
	until(t, "the address that has become free", has("same", "10.89.0.240"))
	kubectl(t, c, "", "patch", "service", "outside", "-p", `{"spec":{"loadBalancerIP":"10.89.0.7"}}`)
	until(t, "an address after all", has("outside", "10.89.0.7"))
	kubectl(t, c, "", "patch", "service", "outside", "-p", `{"spec":{"type":"ClusterIP","loadBalancerIP":null,"allocateLoadBalancerNodePorts":null}}`)
	until(t, "no address any more", has("outside", ""))
	kubectl(t, c, "", "delete", "service", "same", "outside")
}

func logsAndRights(t *testing.T, c *Cluster) {
	if text := kubectl(t, c, "", "logs", "deployment/echo"); !strings.Contains(text, "3000") {
		t.Errorf("the pod's log has no port: %s", text)
	}
	if text, err := tryKubectl(c, "", "auth", "can-i", "list", "secrets", "--as=system:serviceaccount:default:default"); err == nil {
		t.Errorf("a ServiceAccount without any right may list Secrets: %s", text)
	}
}

func gatewayObjects(t *testing.T, c *Cluster) {
	annotations := kubectl(t, c, "", "get", "crd", "httproutes.gateway.networking.k8s.io", "-o", "jsonpath={.metadata.annotations}")
	for _, want := range []string{`"gateway.networking.k8s.io/bundle-version":"v1.7.0"`, `"gateway.networking.k8s.io/channel":"experimental"`} {
		if !strings.Contains(annotations, want) {
			t.Errorf("no %s in %s", want, annotations)
		}
	}
	kubectl(t, c, `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"GatewayClass","metadata":{"name":"x"},"spec":{"controllerName":"example.com/x"}}`,
		"apply", "-f", "-")
	until(t, "the write in the audit log", func() error {
		text, err := os.ReadFile(c.AuditLog())
		if err == nil && !strings.Contains(string(text), `"resource":"gatewayclasses"`) {
			err = errors.New("it isn't there")
		}
		return err
	})
}

func runsHelm(t *testing.T, c *Cluster) {
	cmd, err := c.Command("helm", "list", "--all-namespaces")
	if err != nil {
		t.Fatal(err)
	}
	if output, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(output), "NAMESPACE") {
		t.Errorf("helm list: %v: %s", err, output)
	}
}

// isolated: there is no way out of the cluster's network, and none in.
func isolated(t *testing.T, c *Cluster) {
	routes, err := c.Command("ip", "route", "show", "default")
	if err != nil {
		t.Fatal(err)
	}
	if output, err := routes.CombinedOutput(); err != nil || len(output) != 0 {
		t.Errorf("default route: %s, error %v", output, err)
	}
	if output, err := exec.Command("ip", "link", "show", "cni0").CombinedOutput(); err == nil {
		t.Errorf("the machine itself has a bridge of the cluster: %s", output)
	}
}

func restarts(t *testing.T, c *Cluster) {
	for _, component := range c.Components() {
		if component == keeper || component == "etcd" {
			continue
		}
		if err := c.Kill(t.Context(), component); err != nil {
			t.Fatal(err)
		}
		if c.Check(t.Context()) == nil {
			t.Errorf("nothing is wrong without %s", component)
		}
		if err := c.Start(component); err != nil {
			t.Fatal(err)
		}
		until(t, "the cluster to be whole again", func() error { return c.Check(t.Context()) })
	}
	until(t, "the pod's answer", func() error { return answers(c, "http://"+address(t, c, "echo")+"/") })
	if err := c.Signal("apiserver", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := c.Signal("apiserver", syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := c.Start("nothing"); err == nil || !strings.Contains(err.Error(), "apiserver") {
		t.Errorf("error %v doesn't name the components", err)
	}
}

func olderState(t *testing.T, c *Cluster) {
	kubectl(t, c, "", "create", "configmap", "before")
	if err := c.SaveState(t.Context()); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "", "create", "configmap", "after")
	kubectl(t, c, "", "delete", "configmap", "before")
	if err := c.RestoreState(t.Context()); err != nil {
		t.Fatal(err)
	}
	names := kubectl(t, c, "", "get", "configmaps", "-o", "name")
	if !strings.Contains(names, "configmap/before") || strings.Contains(names, "configmap/after") {
		t.Errorf("after the restore there are: %s", names)
	}
	until(t, "the cluster to be whole again", func() error { return c.Check(t.Context()) })
}

// crash: everything is killed at once, containers too; the next up starts anew.
func crash(t *testing.T, c *Cluster) {
	pids := c.groups.pids()
	if len(pids) < len(startOrder)+2 {
		t.Errorf("only %d processes are found", len(pids))
	}
	for _, component := range startOrder {
		if component != keeper {
			if err := c.Signal(component, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The containers are still there, without anybody to mind them.
	if left := c.groups.pids(); len(left) == 0 {
		t.Error("no container has outlived its daemons")
	}
	up(t, c)
	serve(t, c)
	until(t, "the new pod's answer", func() error { return answers(c, "http://"+address(t, c, "echo")+"/") })
	for _, pid := range c.groups.pids() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
	until(t, "the processes' end", func() error {
		if left := c.groups.pids(); len(left) != 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
	up(t, c)
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// Two clusters run side by side and know nothing of each other.
func TestTwoAtOnce(t *testing.T) {
	one, two := openTest(t, "test-one"), openTest(t, "test-two")
	up(t, one)
	up(t, two)
	var both sync.WaitGroup
	for _, c := range []*Cluster{one, two} {
		both.Go(func() {
			if _, err := tryKubectl(c, "", "create", "namespace", "of-"+c.name); err != nil {
				t.Error(err)
			}
			if err := c.LoadEcho(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := tryKubectl(c, backend, "apply", "-f", "-"); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if names := kubectl(t, two, "", "get", "namespaces", "-o", "name"); strings.Contains(names, "of-test-one") {
		t.Errorf("one's objects are in two: %s", names)
	}
	for _, c := range []*Cluster{one, two} {
		until(t, "an answer in "+c.name, func() error { return answers(c, "http://"+address(t, c, "echo")+"/") })
	}
	if err := one.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := two.Check(t.Context()); err != nil {
		t.Errorf("two isn't whole when one has gone: %v", err)
	}
	// Its daemons still see its own folders.
	kubectl(t, two, "", "delete", "pods", "--all", "--wait=false")
	until(t, "new pods", func() error {
		pods := kubectl(t, two, "", "get", "pods", "--field-selector=status.phase=Running", "-o", "name")
		if strings.Count(pods, "pod/") != 2 {
			return errors.New(pods)
		}
		return nil
	})
	if inside, err := os.ReadDir("/var/lib/kubelet"); err != nil || len(inside) > 0 {
		t.Errorf("the machine's own /var/lib/kubelet holds %v, error %v", inside, err)
	}
}
