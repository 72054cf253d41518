//go:build cluster

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portreeve.dev/e2e/cases"
	"portreeve.dev/e2e/cluster"
	"portreeve.dev/e2e/harness"
	"portreeve.dev/e2e/kube/world"
)

// place has one case's namespaces and GatewayClasses, under names that no other case has.
type place struct {
	cluster *world.World
	t       testing.TB
	// What stands before each name of the case file. It is the same for all, so that they are sorted as before.
	prefix string
	begun  time.Time

	// What was made and isn't deleted.
	made map[cases.Reference]bool

	mutex sync.Mutex
	// The controllerName of each GatewayClass.
	classes   map[string]string
	listeners []listener
	addresses map[cases.Reference]string
}

// listener is one that a Gateway has, or had.
type listener struct {
	port    int
	gateway cases.Reference
	class   string
}

// anyCase is what stands before the names of any case.
var anyCase = regexp.MustCompile(`\bcase[a-z0-9]+-[a-z0-9]+-`)

func newPlace(t testing.TB, w *world.World) cases.Place {
	// The number of the case, for a person who looks; never the name of what is still on its way out.
	name := t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
	number, _, _ := strings.Cut(strings.ToLower(name), "-")
	now := time.Now()
	p := &place{cluster: w, t: t, prefix: fmt.Sprintf("case%s-%s-", number, strconv.FormatInt(now.UnixMilli(), 36)), begun: now,
		made: map[cases.Reference]bool{}, classes: map[string]string{}, addresses: map[cases.Reference]string{}}
	t.Cleanup(p.end)
	return p
}

func (p *place) end() {
	if p.t.Failed() {
		p.tell()
	}
	// They go by themselves, while the next cases run.
	for _, namespace := range p.namespaces() {
		if err := p.cluster.TryDelete(context.Background(), "Namespace", "", namespace); err != nil {
			p.t.Error(err)
		}
	}
	for class := range p.classes {
		if err := p.cluster.TryDelete(context.Background(), "GatewayClass", "", class); err != nil {
			p.t.Error(err)
		}
	}
}

// tell logs what a person would look at. Of the controller's log, that is what isn't about another case.
func (p *place) tell() {
	for _, namespace := range p.namespaces() {
		p.t.Logf("namespace %s:", namespace)
		(&world.Space{World: p.cluster, T: p.t, Namespace: namespace, Begun: p.begun}).TellOfObjects()
	}
	var lines []string
	for line := range strings.Lines(p.cluster.ControllerLog(p.begun)) {
		if strings.Contains(line, p.prefix) || !anyCase.MatchString(line) {
			lines = append(lines, line)
		}
	}
	p.t.Logf("log of the controller since this case began:\n%s", strings.Join(lines, ""))
}

func (p *place) namespaces() []string {
	var names []string
	for object := range p.made {
		if object.Kind == "Namespace" {
			names = append(names, object.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Start is over when all Gateways are programmed, or are found not to be fit for it.
func (p *place) Start(documents string) error {
	if err := p.Apply(documents); err != nil {
		return err
	}
	for gateway := range p.made {
		if gateway.Kind == "Gateway" {
			if err := p.await(gateway); err != nil {
				return err
			}
		}
	}
	return nil
}

// await waits for one Gateway, unless it is another controller's.
func (p *place) await(gateway cases.Reference) error {
	// What it lacks may have been made after it, and be noticed in a moment.
	const moment = 2 * time.Second
	var unfit time.Time
	seen, ok := harness.Poll(world.Limit, func() (bool, string) {
		object, err := p.cluster.TryFind(context.Background(), gateway.Kind, gateway.Namespace, gateway.Name)
		if err != nil {
			return false, err.Error()
		}
		programmed := object.Condition("Programmed")
		waits := !object.Condition("Accepted").Is("False", object) &&
			(!programmed.Is("False", object) || slices.Contains([]string{"Pending", "AddressNotAssigned"}, programmed.Reason))
		switch {
		case p.classes[object.Text("spec", "gatewayClassName")] != harness.ControllerName || programmed.Is("True", object):
			return true, ""
		case waits:
			unfit = time.Time{}
		case unfit.IsZero():
			unfit = time.Now()
		}
		return !unfit.IsZero() && time.Since(unfit) > harness.Scale(moment), object.Conditions()
	})
	if !ok {
		return fmt.Errorf("waited %v for Gateway %s to be programmed or refused; last seen:\n%s", harness.Scale(world.Limit), gateway.Name, seen)
	}
	return nil
}

// Delete returns when the object is gone, so that it can be made again.
func (p *place) Delete(object cases.Reference) error {
	return p.remove(p.own(object))
}

func (p *place) remove(object cases.Reference) error {
	delete(p.made, object)
	if err := p.cluster.TryDelete(context.Background(), object.Kind, object.Namespace, object.Name); err != nil {
		return err
	}
	seen, ok := harness.Poll(world.Limit, func() (bool, string) {
		found, err := p.cluster.TryFind(context.Background(), object.Kind, object.Namespace, object.Name)
		return world.Gone(err), fmt.Sprint(found, err)
	})
	if !ok {
		return fmt.Errorf("%s %s/%s is deleted and doesn't go: %s", object.Kind, object.Namespace, object.Name, seen)
	}
	return nil
}

func (p *place) Status(object cases.Reference) (*cases.ObjectStatus, error) {
	object = p.own(object)
	found, err := p.cluster.TryFind(context.Background(), object.Kind, object.Namespace, object.Name)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(found.At("status"))
	if err != nil {
		return nil, err
	}
	status := &cases.ObjectStatus{Generation: int64(found.Number("metadata", "generation"))}
	return status, json.Unmarshal(text, &status.Status)
}

// Check looks for data planes whose program ended and was started again.
func (p *place) Check() error {
	var wrong []error
	for _, namespace := range p.namespaces() {
		for pod, times := range restarts(p.cluster.List("Pod", namespace, "app.kubernetes.io/component=dataplane")) {
			if times > 0 {
				wrong = append(wrong, fmt.Errorf("the data plane %s/%s ended by itself and was started again, %d times", namespace, pod, times))
			}
		}
	}
	return errors.Join(wrong...)
}

func (p *place) Dial(port int) (net.Conn, error) {
	address, err := p.address(port)
	if err != nil {
		return nil, err
	}
	dial := func() (net.Conn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Scale(5*time.Second))
		defer cancel()
		return p.cluster.Dial(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	}
	conn, err := dial()
	// Behind the address of a load balancer is no machine that could refuse a port: the node has a rule for it, or nobody
	// answers. Linux may overlook a rule while kube-proxy changes others, but not twice.
	if errors.Is(err, syscall.EHOSTUNREACH) {
		if conn, err = dial(); errors.Is(err, syscall.EHOSTUNREACH) {
			return nil, fmt.Errorf("%w: %w", syscall.ECONNREFUSED, err)
		}
	}
	return conn, err
}

// note keeps what Dial needs to know of classes and Gateways. The address of a Gateway that changes may change, too.
func (p *place) note(one document) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch one.as.Kind {
	case "GatewayClass":
		p.classes[one.as.Name] = one.object.Text("spec", "controllerName")
	case "Gateway":
		delete(p.addresses, one.as)
		for _, each := range one.object.Items("spec", "listeners") {
			p.listeners = append(p.listeners, listener{each.Number("port"), one.as, one.object.Text("spec", "gatewayClassName")})
		}
	}
}

// address is that of the Gateway of ours that has a listener on a port, or had it last.
func (p *place) address(port int) (string, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, one := range slices.Backward(p.listeners) {
		if one.port != port || p.classes[one.class] != harness.ControllerName {
			continue
		}
		if p.addresses[one.gateway] == "" {
			object := p.cluster.Find(one.gateway.Kind, one.gateway.Namespace, one.gateway.Name)
			p.addresses[one.gateway] = object.Text("status", "addresses", 0, "value")
			if p.addresses[one.gateway] == "" {
				return "", fmt.Errorf("no address yet: %s", object.Conditions())
			}
		}
		return p.addresses[one.gateway], nil
	}
	return "", fmt.Errorf("no Gateway of ours has a listener on port %d", port)
}

// ClientAddress is the node's: requests come from its network.
func (p *place) ClientAddress() string { return cluster.NodeAddress }

func (p *place) Listen(ipv6 bool) (net.Listener, error) {
	address := cluster.NodeAddress
	if ipv6 {
		address = cluster.NodeAddress6
	}
	return p.cluster.Listen(context.Background(), "tcp", net.JoinHostPort(address, "0"))
}

func (p *place) Settle() time.Duration { return 30 * time.Second }
