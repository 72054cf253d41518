package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// recorded is a cluster that keeps what is done to it.
type recorded struct {
	addresses map[string]string
	warnings  []string
	writes    int
	fail      error
}

func (r *recorded) setAddress(_ context.Context, s *service, address netip.Addr) error {
	if r.fail != nil {
		return r.fail
	}
	r.writes++
	delete(r.addresses, s.key())
	if address.IsValid() {
		r.addresses[s.key()] = address.String()
	}
	return nil
}

func (r *recorded) warn(_ context.Context, s *service, reason, message string) error {
	r.warnings = append(r.warnings, s.key()+" "+reason+" "+message)
	return nil
}

func newTest(t *testing.T) (*allocator, *recorded) {
	t.Helper()
	seen := &recorded{addresses: map[string]string{}}
	return newAllocator(seen, testPool(t, "10.0.0.0/29", "10.9.9.0/32"), t.Logf), seen
}

// balanced is a Service of type LoadBalancer; age decides which is older.
func balanced(name, asks string, age int) *service {
	s := &service{}
	s.Metadata.Namespace, s.Metadata.Name, s.Metadata.UID = "ns", name, name
	s.Metadata.CreationTimestamp = fmt.Sprintf("2030-01-01T00:00:%02dZ", 59-age)
	s.Spec.Type, s.Spec.LoadBalancerIP = "LoadBalancer", asks
	return s
}

func (r *recorded) expect(t *testing.T, want ...string) {
	t.Helper()
	for i := 0; i < len(want); i += 2 {
		if got := r.addresses["ns/"+want[i]]; got != want[i+1] {
			t.Errorf("%s has %q, want %q", want[i], got, want[i+1])
		}
	}
}

func TestGivesWhatIsAskedFor(t *testing.T) {
	a, seen := newTest(t)
	ctx := t.Context()
	for _, s := range []*service{balanced("a", "", 3), balanced("b", "10.0.0.5", 2)} {
		if err := a.changed(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	seen.expect(t, "a", "10.0.0.1", "b", "10.0.0.5")
	// Told of it again, as after each of its own writes, it writes nothing.
	writes := seen.writes
	again := balanced("b", "10.0.0.5", 2)
	again.Status.LoadBalancer.Ingress = append(again.Status.LoadBalancer.Ingress, struct{ IP string }{"10.0.0.5"})
	if err := a.changed(ctx, again); err != nil || seen.writes != writes {
		t.Errorf("%d more writes, error %v", seen.writes-writes, err)
	}
}

func TestRefusesAndTriesAgain(t *testing.T) {
	a, seen := newTest(t)
	ctx := t.Context()
	first, second, outside := balanced("first", "10.0.0.5", 3), balanced("second", "10.0.0.5", 2), balanced("outside", "10.1.0.1", 1)
	for range 2 {
		for _, s := range []*service{first, second, outside} {
			if err := a.changed(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen.expect(t, "first", "10.0.0.5", "second", "", "outside", "")
	if len(seen.warnings) != 2 || !strings.Contains(seen.warnings[0], "belongs to ns/first") ||
		!strings.Contains(seen.warnings[1], "isn't an address of the pool") {
		t.Errorf("warnings %q: want each refusal once", seen.warnings)
	}
	if err := a.deleted(ctx, first); err != nil {
		t.Fatal(err)
	}
	seen.expect(t, "second", "10.0.0.5")
}

func TestTakesAwayWhatIsNoLongerAskedFor(t *testing.T) {
	a, seen := newTest(t)
	ctx := t.Context()
	s := balanced("a", "", 3)
	steps := []struct {
		change func()
		want   string
	}{
		{func() {}, "10.0.0.1"},
		{func() { s.Spec.LoadBalancerIP = "10.0.0.6" }, "10.0.0.6"},
		{func() { s.Spec.LoadBalancerIP = "10.7.0.1" }, ""},
		{func() { s.Spec.LoadBalancerIP = "" }, "10.0.0.2"},
		{func() { s.Spec.Type = "ClusterIP" }, ""},
	}
	for _, step := range steps {
		step.change()
		if err := a.changed(ctx, s); err != nil {
			t.Fatal(err)
		}
		seen.expect(t, "a", step.want)
	}
	if len(a.pool.holders) != 0 {
		t.Errorf("addresses that nobody has aren't free: %v", a.pool.holders)
	}
}

func TestLeavesOthersAlone(t *testing.T) {
	a, seen := newTest(t)
	class := "example.com/other"
	other, inside := balanced("other", "", 1), balanced("inside", "", 1)
	other.Spec.LoadBalancerClass, inside.Spec.Type = &class, "ClusterIP"
	if err := a.replace(t.Context(), []*service{other, inside}); err != nil || seen.writes != 0 {
		t.Errorf("%d writes, error %v", seen.writes, err)
	}
}

// After a restart nobody's address changes, whatever the order in which the Services are listed.
func TestKeepsAddressesOverARestart(t *testing.T) {
	a, seen := newTest(t)
	fresh, old, twin := balanced("fresh", "", 1), balanced("old", "", 5), balanced("twin", "", 3)
	for _, s := range []*service{old, twin} {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, struct{ IP string }{"10.0.0.1"})
		seen.addresses[s.key()] = "10.0.0.1"
	}
	if err := a.replace(t.Context(), []*service{fresh, twin, old}); err != nil {
		t.Fatal(err)
	}
	seen.expect(t, "old", "10.0.0.1", "twin", "10.0.0.2", "fresh", "10.0.0.3")
	// Services that have gone unseen give theirs back.
	if err := a.replace(t.Context(), []*service{old}); err != nil || len(a.pool.holders) != 1 {
		t.Errorf("held %v, error %v", a.pool.holders, err)
	}
}

func TestAWriteThatFailsIsTriedAgain(t *testing.T) {
	a, seen := newTest(t)
	s := balanced("a", "", 1)
	seen.fail = errors.New("no connection")
	if err := a.changed(t.Context(), s); !errors.Is(err, seen.fail) {
		t.Fatalf("error %v", err)
	}
	seen.fail = nil
	if err := a.replace(t.Context(), []*service{s}); err != nil {
		t.Fatal(err)
	}
	seen.expect(t, "a", "10.0.0.1")
}
