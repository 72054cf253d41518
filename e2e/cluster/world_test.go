//go:build cluster

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// These tests start real clusters, of their own names. Nothing is skipped: what a machine lacks, fails them.

// limit is for anything that a cluster does; most of it takes a second.
const limit = 90 * time.Second

func openTest(t *testing.T, name string) *Cluster {
	t.Helper()
	c, err := Open(Options{Name: name, Progress: testLog{t}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && c.Check(context.Background()) != nil {
			for _, component := range c.Components() {
				t.Logf("%s: %s", component, c.logTail(component))
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := c.Down(ctx); err != nil {
			t.Errorf("down: %v", err)
		}
	})
	return c
}

type testLog struct{ t *testing.T }

func (l testLog) Write(text []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(text)))
	return len(text), nil
}

func up(t *testing.T, c *Cluster) {
	t.Helper()
	// Building may take minutes, once.
	if err := Build(t.Context(), append(needed(), echo, helm), func(format string, args ...any) { t.Logf(format, args...) }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := c.Up(ctx, Experimental); err != nil {
		t.Fatal(err)
	}
}

// until polls for at most limit.
func until(t *testing.T, what string, done func() error) {
	t.Helper()
	var last error
	err := waitFor(t.Context(), limit, what, func() (bool, error) {
		last = done()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%v; last seen: %v", err, last)
	}
}

func kubectl(t *testing.T, c *Cluster, stdin string, args ...string) string {
	t.Helper()
	output, err := tryKubectl(c, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

func tryKubectl(c *Cluster, stdin string, args ...string) (string, error) {
	cmd, err := c.Kubectl(args...)
	if err != nil {
		return "", err
	}
	cmd.Stdin = strings.NewReader(stdin)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return strings.TrimSpace(string(output)), nil
}

// namespaces are the cluster's own, as links in /proc name them.
func namespaces(t *testing.T, c *Cluster) []string {
	t.Helper()
	pid, running := c.Pid(keeper)
	if !running {
		t.Fatal("the cluster has no namespaces")
	}
	var names []string
	for _, kind := range []string{"net", "mnt"} {
		name, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// expectEmpty fails when something of the cluster is left.
func expectEmpty(t *testing.T, c *Cluster, namespaces []string) {
	t.Helper()
	if pids := c.groups.pids(); len(pids) != 0 {
		t.Errorf("processes %v are left", pids)
	}
	for _, path := range append(c.groups.folders, c.state, c.lockPath()) {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	// Those of other clusters, and of whatever else comes and goes on this machine, are none of ours.
	for _, process := range processes {
		for _, kind := range []string{"net", "mnt"} {
			if name, err := os.Readlink(filepath.Join(process, "ns", kind)); err == nil && slices.Contains(namespaces, name) {
				t.Errorf("%s is still in %s", process, name)
			}
		}
		mounts, err := os.ReadFile(filepath.Join(process, "mountinfo"))
		if err == nil && strings.Contains(string(mounts), c.state+"/") {
			t.Errorf("%s sees mounts below %s", process, c.state)
		}
	}
}

const backend = `apiVersion: apps/v1
kind: Deployment
metadata: {name: echo, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
      - name: echo
        image: ` + EchoImage + `:v0.1.0
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        readinessProbe: {httpGet: {path: /health, port: 3000}, periodSeconds: 1}
        securityContext:
          runAsNonRoot: true
          runAsUser: 65532
          readOnlyRootFilesystem: true
          allowPrivilegeEscalation: false
          capabilities: {drop: [ALL]}
          seccompProfile: {type: RuntimeDefault}
      securityContext:
        sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]
---
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: default}
spec:
  type: LoadBalancer
  allocateLoadBalancerNodePorts: false
  selector: {app: echo}
  ports: [{port: 80, targetPort: 3000}]
`

// serve runs the backend and waits until it is there.
func serve(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.LoadEcho(t.Context()); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, backend, "apply", "-f", "-")
	kubectl(t, c, "", "rollout", "status", "deployment/echo", "--timeout=60s")
}

// address is the Service's in the status; "" while there is none.
func address(t *testing.T, c *Cluster, service string) string {
	t.Helper()
	return kubectl(t, c, "", "get", "service", service, "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
}

// answers asks a URL from inside the cluster's network and wants a backend pod's answer.
func answers(c *Cluster, url string) error {
	transport := c.Transport()
	transport.DisableKeepAlives = true
	_, err := ask(&http.Client{Transport: transport, Timeout: 3 * time.Second}, url)
	return err
}

// ask returns the name of the pod that has answered.
func ask(client *http.Client, url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	var seen struct{ Pod string }
	if err := json.Unmarshal(text, &seen); err != nil || !strings.HasPrefix(seen.Pod, "echo-") || response.StatusCode != 200 {
		return "", fmt.Errorf("GET %s: %s %s", url, response.Status, text)
	}
	return seen.Pod, nil
}

// podProcess is a process of a container, by the name of its program.
func podProcess(t *testing.T, c *Cluster, name string) int {
	t.Helper()
	for _, pid := range c.groups.pids() {
		if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && strings.TrimSpace(string(comm)) == name {
			return pid
		}
	}
	t.Fatalf("no process %s in the cluster", name)
	return 0
}
