//go:build cluster

package feature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/kube/world"
)

// process is the one that has this in its command line, as /proc shows it: what a pod's object asks for may differ from
// what its process has.
func process(t *testing.T, argument string) string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		arguments := bytes.Split(line, []byte{0})
		for _, one := range arguments[1:] {
			if string(one) == argument {
				return filepath.Dir(file)
			}
		}
	}
	t.Fatalf("no process has the argument %s", argument)
	return ""
}

// No process of ours is root, has a capability, may get one, or can write to its root file system.
func TestProcessesHaveNoRights(t *testing.T) {
	s, _ := served(t)
	controllers := s.List("Pod", world.SystemNamespace, "app.kubernetes.io/component=controller")
	if len(controllers) == 0 {
		t.Fatal("no controller")
	}
	for name, argument := range map[string]string{
		"data plane": "--gateway=" + s.Namespace + "/edge",
		"controller": "--service-name=" + world.Controller + "." + world.SystemNamespace + ".svc",
	} {
		t.Run(name, func(t *testing.T) {
			folder := process(t, argument)
			status, err := os.ReadFile(filepath.Join(folder, "status"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532",
				"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
				if !strings.Contains(string(status), want) {
					t.Errorf("no %q in its status:\n%s", want, status)
				}
			}
			mounts, err := os.ReadFile(filepath.Join(folder, "mountinfo"))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(mounts)) {
				if fields := strings.Fields(line); fields[4] == "/" && !strings.HasPrefix(fields[5], "ro") {
					t.Errorf("its root can be written to: %s", line)
				}
				if strings.Contains(line, "kubernetes.io/serviceaccount") && name == "data plane" {
					t.Errorf("it has a token for the API server: %s", line)
				}
			}
		})
	}
}

// Labels and annotations of the Gateway are on all that is made for it.
func TestInfrastructureLabels(t *testing.T) {
	s := world.Ready(t).Space(t)
	spec := "infrastructure: {labels: {team: shop}, annotations: {example.com/note: %s}}"
	s.Apply(world.GatewayOf(world.Class, "edge", fmt.Sprintf(spec, "first")))
	s.Programmed("edge")
	carried := func(note string) {
		t.Helper()
		for _, kind := range []string{"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "Pod"} {
			s.WaitFor(kind+" with labels and annotations", func() (bool, string) {
				objects := s.Objects(kind, "gateway.networking.k8s.io/gateway-name=edge,team=shop")
				for _, object := range objects {
					if object.Text("metadata", "deletionTimestamp") == "" && object.Text("metadata", "annotations", "example.com/note") != note {
						return false, fmt.Sprint(object.At("metadata"))
					}
				}
				return len(objects) > 0, fmt.Sprint(len(objects), " objects with the label")
			})
		}
	}
	carried("first")
	s.Apply(world.GatewayOf(world.Class, "edge", fmt.Sprintf(spec, "second")))
	carried("second")
}

// From the start of its process to the configuration installed and all listeners open, a data plane needs less than half
// a second. One start of several must be so quick: the others measure what else this machine does.
func TestDataPlaneStartsQuickly(t *testing.T) {
	const starts, most = 8, 500 * time.Millisecond
	s := world.Ready(t).Space(t)
	s.Apply("apiVersion: portreeve.dev/v1alpha1\nkind: DataPlaneConfig\nmetadata: {name: fast}\nspec: {logLevel: debug, drainSeconds: 0}\n",
		s.BackendText("one"), world.RouteText("all", "name: edge", nil, world.To("one")),
		world.GatewayOf(world.Class, "edge", "infrastructure: {parametersRef: {group: portreeve.dev, kind: DataPlaneConfig, name: fast}}"))
	s.Programmed("edge")
	best := time.Hour
	seen := map[string]bool{}
	for i := 0; i < starts && best > most; i++ {
		var name string
		s.WaitFor("a new data plane", func() (bool, string) {
			for _, pod := range s.Pods("edge") {
				if !seen[pod.Name()] && pod.Condition("Ready").Status == "True" && pod.Text("metadata", "deletionTimestamp") == "" {
					name = pod.Name()
					return true, ""
				}
			}
			return false, fmt.Sprint(len(s.Pods("edge")), " pods")
		})
		seen[name] = true
		took := installed(t, s.PodLog(s.Namespace, name, time.Time{})).Sub(processStart(t, s, name))
		t.Logf("%s: %v", name, took)
		best = min(best, took)
		s.Delete("Pod", name)
	}
	if best > most {
		t.Errorf("the quickest of %d starts took %v, want %v at most", starts, best, most)
	}
}

// installed is when a data plane first had a configuration with a listener, by its log.
func installed(t *testing.T, log string) time.Time {
	t.Helper()
	for line := range strings.Lines(log) {
		var entry struct {
			Time      time.Time
			Msg       string
			Listening int
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "installed" && entry.Listening > 0 {
			return entry.Time
		}
	}
	t.Fatalf("the log has no line \"installed\" with listeners:\n%s", log)
	return time.Time{}
}

// processStart is when the process of a data plane was made, by the kernel's clock.
func processStart(t *testing.T, s *world.Space, pod string) time.Time {
	t.Helper()
	// An older pod of the same Gateway may still be ending: the youngest is meant.
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	youngest := 0
	for _, file := range all {
		line, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(line), "\x00--gateway="+s.Namespace+"/edge\x00") {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		if err != nil {
			continue
		}
		// The program's name, in parentheses, may hold blanks; the 22nd field is the start.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		ticks, err := strconv.Atoi(fields[19])
		if err != nil {
			t.Fatal(err)
		}
		youngest = max(youngest, ticks)
	}
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil || youngest == 0 {
		t.Fatalf("no process of %s: %v", pod, err)
	}
	seconds, err := strconv.ParseFloat(strings.Fields(string(uptime))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	const ticksASecond = 100 // USER_HZ, the same on all of Linux
	age := seconds - float64(youngest)/ticksASecond
	return time.Now().Add(-time.Duration(age * float64(time.Second)))
}
