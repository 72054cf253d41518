//go:build cluster

package feature

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"portreeve.dev/e2e/kube/world"
)

// Of two Gateways that ask for one address, the first has it and goes on serving, the second says so, and gets it when the
// first has gone.
func TestOneAddressForTwoGateways(t *testing.T) {
	// Of those that are given to who asks; the tests before may not have given theirs back yet.
	wanted := fmt.Sprintf("10.89.0.%d", 10+time.Now().Unix()%200)
	addresses := fmt.Sprintf("addresses: [{type: IPAddress, value: %s}]", wanted)
	s := world.Ready(t).Space(t)
	s.Apply(s.BackendText("one"), world.RouteText("all", "name: first", nil, world.To("one")), world.GatewayOf(world.Class, "first", addresses))
	if address := s.Programmed("first"); address != wanted {
		t.Fatalf("the address is %s, want %s", address, wanted)
	}
	request := world.Request{To: wanted}
	s.Serves(request, "one")
	run := s.StartLoad(t, world.Load{Request: request, Rate: 20})
	s.Apply(world.GatewayOf(world.Class, "second", addresses), world.RouteText("more", "name: second", []string{"second.test"}, world.To("one")))
	if said := s.Refused("Gateway", "second", "Programmed", "AddressNotUsable"); !strings.Contains(said.Message, wanted) {
		t.Errorf("the message doesn't name the address: %s", said)
	}
	run.More(t, 5)
	s.Expect(run.Stop(), "200", func(a world.Answer) bool { return a.Status == 200 })
	s.Delete("Gateway", "first")
	s.Programmed("second")
	s.Serves(world.Request{To: wanted, Host: "second.test"}, "one")
}
