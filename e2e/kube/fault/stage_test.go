//go:build cluster

// Package fault proves that nothing that breaks, ends or is replaced costs a request: controllers, data planes, backends,
// the API server and what it remembers. Each test runs under a constant load of which no request may fail.
package fault

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

const (
	replicas = 2
	steady   = "steady.test"
	// From docs/kubernetes-high-availability.md: a Lease is free so long after it was renewed.
	leaseTime = 15 * time.Second
	// "Within seconds": of a change that is made when everything runs again.
	promptly = 10 * time.Second
)

// stage is a namespace with a Gateway "edge", the backends "one" and "two", and a route for steady.test to "one".
type stage struct {
	*world.Space
	logs    *logs
	address string
}

var install sync.Once

// begin sets the stage. Lines of the Gateway's spec ("infrastructure: …") and further objects may be given.
func begin(t *testing.T, spec string, more ...string) *stage {
	t.Helper()
	w := world.Open(t)
	install.Do(func() { upgrade(t, w, w.Tag) })
	s := &stage{Space: w.Space(t)}
	s.logs = follow(t, w, s.Namespace, world.SystemNamespace)
	s.controllersReady()
	s.Apply(append([]string{assured(s.BackendText("one")), assured(s.BackendText("two")), world.GatewayOf(world.Class, "edge", spec),
		world.RouteText("steady", "name: edge", []string{steady}, world.To("one"))}, more...)...)
	s.address = s.Programmed("edge")
	s.served(steady, "one")
	return s
}

func (s *stage) controllersReady() {
	s.T.Helper()
	s.WaitFor("both controllers, one of them leading", func() (bool, string) {
		ready := 0
		for _, pod := range s.controllers() {
			if pod.Condition("Ready").Status == "True" {
				ready++
			}
		}
		return ready == replicas && s.leads() != nil, fmt.Sprint(ready, " ready, the Lease: ", s.lease())
	})
}

// upgrade installs the chart with our images of that tag, and as many controllers as the chart has by default.
func upgrade(t *testing.T, w *world.World, tag string) {
	t.Helper()
	w.Install(t, "--set", fmt.Sprint("controller.replicas=", replicas), "--set", "controller.image.tag="+tag,
		"--set", "dataplane.image.tag="+tag)
}

func (s *stage) request(host string) world.Request { return world.Request{To: s.address, Host: host} }

// served waits until the backend answers to a host.
func (s *stage) served(host, backend string) { s.T.Helper(); s.Serves(s.request(host), backend) }

// route makes a route to a backend, or changes it; its host is "NAME.test".
func (s *stage) route(name, backend string) {
	s.T.Helper()
	s.Apply(world.RouteText(name, "name: edge", []string{name + ".test"}, world.To(backend)))
}

// within waits as WaitFor does, but the time it may take since begun is a promise, not a matter of patience.
func (s *stage) within(limit time.Duration, begun time.Time, what string, ok func() (bool, string)) {
	s.T.Helper()
	s.WaitFor(what, ok)
	took := time.Since(begun)
	s.T.Logf("%s: %.1f s", what, took.Seconds())
	if took > harness.Scale(limit) {
		s.T.Errorf("%s took %.1f s, want %.0f s at most", what, took.Seconds(), limit.Seconds())
	}
}

// controllers are the pods of the controller that aren't on their way out.
func (s *stage) controllers() []world.Object {
	pods := s.List("Pod", world.SystemNamespace, "app.kubernetes.io/component=controller")
	return slices.DeleteFunc(pods, func(pod world.Object) bool { return pod.Text("metadata", "deletionTimestamp") != "" })
}

// lease is what the controllers agree on.
type lease struct {
	holder            string
	acquired, renewed time.Time
}

func (l lease) String() string {
	return fmt.Sprintf("held by %q since %s, renewed %s", l.holder, l.acquired.Format(clock), l.renewed.Format(clock))
}

const clock = "15:04:05.000"

func (s *stage) lease() lease {
	object := s.Find("Lease", world.SystemNamespace, world.Controller)
	at := func(field string) time.Time {
		moment, _ := time.Parse(time.RFC3339Nano, object.Text("spec", field))
		return moment.Local()
	}
	return lease{object.Text("spec", "holderIdentity"), at("acquireTime"), at("renewTime")}
}

// leads is the pod that holds the Lease; nil when none of those that are there does.
func (s *stage) leads() world.Object {
	pod, _, _ := strings.Cut(s.lease().holder, "_")
	for _, one := range s.controllers() {
		if one.Name() == pod {
			return one
		}
	}
	return nil
}

// leader waits for a pod that holds the Lease.
func (s *stage) leader() world.Object {
	s.T.Helper()
	var pod world.Object
	s.WaitFor("a leader", func() (bool, string) {
		pod = s.leads()
		return pod != nil, s.lease().String()
	})
	return pod
}

// other is the controller that isn't this one.
func (s *stage) other(pod world.Object) world.Object {
	s.T.Helper()
	for _, one := range s.controllers() {
		if one.Name() != pod.Name() {
			return one
		}
	}
	s.T.Fatal("there is no other controller")
	return nil
}

// renewed waits until the Lease was renewed a moment ago, and none is under way: what is measured from now on doesn't
// depend on a renewal that the leader could still make.
func (s *stage) renewed() lease {
	s.T.Helper()
	var now lease
	s.WaitFor("a renewal of the Lease a second ago", func() (bool, string) {
		now = s.lease()
		age := time.Since(now.renewed)
		return age > time.Second && age < 1800*time.Millisecond, now.String()
	})
	return now
}

// passesOn waits until another one than `from` holds the Lease, which must be so 15 seconds after `begun`.
func (s *stage) passesOn(from lease, begun time.Time) world.Object {
	s.T.Helper()
	var now lease
	s.WaitFor("another leader", func() (bool, string) {
		now = s.lease()
		return now.holder != "" && now.holder != from.holder, now.String()
	})
	took := now.acquired.Sub(begun)
	s.T.Logf("another replica leads %.1f s later", took.Seconds())
	if took > harness.Scale(leaseTime) {
		s.T.Errorf("another replica leads %.1f s later, want %.0f s at most; the Lease was %s, is %s", took.Seconds(), leaseTime.Seconds(), from, now)
	}
	return s.leader()
}

// rolledOut waits until a Deployment has this many pods, all as its template is now, and no others are left.
func (s *stage) rolledOut(deployment string, number int) {
	s.T.Helper()
	object := s.WaitObject("Deployment", deployment, fmt.Sprint(number, " pods, rolled out"), func(o world.Object) bool {
		return o.Number("spec", "replicas") == number && o.Number("status", "observedGeneration") == o.Number("metadata", "generation") &&
			o.Number("status", "updatedReplicas") == number && o.Number("status", "replicas") == number && o.Number("status", "availableReplicas") == number
	})
	var labels []string
	selector, _ := object.At("spec", "selector", "matchLabels").(map[string]any)
	for name, value := range selector {
		labels = append(labels, fmt.Sprint(name, "=", value))
	}
	s.WaitFor("the old pods of "+deployment+" to be gone", func() (bool, string) {
		pods := s.Objects("Pod", strings.Join(labels, ","))
		var names []string
		for _, pod := range pods {
			names = append(names, pod.Name())
		}
		return len(pods) == number, fmt.Sprint(names)
	})
}

// dataPlanes is the Deployment of the Gateway.
const dataPlanes = "edge-" + world.Class

func config(name, spec string) string {
	return fmt.Sprintf("---\napiVersion: portreeve.dev/v1alpha1\nkind: DataPlaneConfig\nmetadata: {name: %s}\nspec: {%s}\n", name, spec)
}

const configured = "infrastructure: {parametersRef: {group: portreeve.dev, kind: DataPlaneConfig, name: config}}"

// said waits until a controller has logged a line with this message and all of these texts since a time, and returns it.
func (s *stage) said(pod string, since time.Time, message string, texts ...string) string {
	s.T.Helper()
	var found []string
	s.WaitFor(fmt.Sprintf("%s to log %q with %q", pod, message, texts), func() (bool, string) {
		found = s.lines(pod, since, message, texts...)
		return len(found) > 0, "no such line"
	})
	return found[0]
}

// lines are what said waits for.
func (s *stage) lines(pod string, since time.Time, message string, texts ...string) []string {
	return s.logs.find(world.SystemNamespace, pod, func(line string) bool {
		var entry struct {
			Time time.Time
			Msg  string
		}
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != message || entry.Time.Before(since) {
			return false
		}
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) })
	})
}
