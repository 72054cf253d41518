package main

import (
	"errors"
	"net/netip"
	"testing"
)

func testPool(t *testing.T, network, kept string) *pool {
	t.Helper()
	p, err := newPool(netip.MustParsePrefix(network), netip.MustParsePrefix(kept))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func take(t *testing.T, p *pool, holder string) string {
	t.Helper()
	address, err := p.any(holder)
	if err != nil {
		t.Fatal(err)
	}
	return address.String()
}

func TestAnyLeavesOutWhatIsKeptAndUnusable(t *testing.T) {
	p := testPool(t, "10.0.0.0/29", "10.0.0.0/30")
	for _, want := range []string{"10.0.0.4", "10.0.0.5", "10.0.0.6"} {
		if got := take(t, p, "x"+want); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := p.any("more"); !errors.Is(err, errExhausted) {
		t.Errorf("a full pool gives %v", err)
	}
	if err := p.claim("more", netip.MustParseAddr("10.0.0.3")); err != nil {
		t.Errorf("a kept address isn't given to who asks for it: %v", err)
	}
}

func TestReuseIsLate(t *testing.T) {
	p := testPool(t, "10.0.0.0/29", "10.9.9.0/32")
	first := take(t, p, "a")
	p.release("a", netip.MustParseAddr(first))
	for range 5 {
		if got := take(t, p, "b"); got == first {
			t.Fatalf("%s is used again while others are free", first)
		}
	}
	if got := take(t, p, "c"); got != first {
		t.Errorf("the last free one is %s, want %s", got, first)
	}
}

func TestClaim(t *testing.T) {
	p := testPool(t, "10.0.0.0/24", "10.9.9.0/32")
	address := netip.MustParseAddr("10.0.0.7")
	for range 2 {
		if err := p.claim("a", address); err != nil {
			t.Errorf("its holder can't claim it again: %v", err)
		}
	}
	if err := p.claim("b", address); err == nil {
		t.Error("two hold one address")
	}
	p.release("b", address)
	if err := p.claim("b", address); err == nil {
		t.Error("another than the holder could give it back")
	}
	p.release("a", address)
	if err := p.claim("b", address); err != nil {
		t.Errorf("it isn't free after its release: %v", err)
	}
	for _, outside := range []string{"10.0.1.1", "10.0.0.0", "10.0.0.255", "::1"} {
		if err := p.claim("c", netip.MustParseAddr(outside)); err == nil {
			t.Errorf("%s was given", outside)
		}
	}
}

func TestPoolsThatAreTooSmall(t *testing.T) {
	for _, network := range []string{"10.0.0.0/31", "fd00::/64"} {
		if _, err := newPool(netip.MustParsePrefix(network), netip.Prefix{}); err == nil {
			t.Errorf("%s is accepted", network)
		}
	}
}
