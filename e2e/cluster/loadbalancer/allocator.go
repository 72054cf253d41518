package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// service is what matters here of a Service of the API.
type service struct {
	Metadata struct {
		Namespace, Name, UID string
		ResourceVersion      string
		CreationTimestamp    string
		DeletionTimestamp    *string
	}
	Spec struct {
		Type              string
		LoadBalancerIP    string
		LoadBalancerClass *string
	}
	Status struct {
		LoadBalancer struct {
			Ingress []struct{ IP string }
		}
	}
}

func (s *service) key() string { return s.Metadata.Namespace + "/" + s.Metadata.Name }

// wants says whether this program is to give it an address.
func (s *service) wants() bool {
	return s.Spec.Type == "LoadBalancer" && s.Spec.LoadBalancerClass == nil
}

// going says that it is being deleted, and keeps what it has until then.
func (s *service) going() bool { return s.Metadata.DeletionTimestamp != nil }

// has is the address in its status; the zero value when there is none.
func (s *service) has() netip.Addr {
	if len(s.Status.LoadBalancer.Ingress) != 1 {
		return netip.Addr{}
	}
	address, _ := netip.ParseAddr(s.Status.LoadBalancer.Ingress[0].IP)
	return address
}

// cluster is what the allocator does to the API.
type cluster interface {
	// setAddress writes the Service's status; the zero value clears it. A Service that has gone is no error.
	setAddress(ctx context.Context, service *service, address netip.Addr) error
	// warn makes an event that `kubectl describe` shows.
	warn(ctx context.Context, service *service, reason, message string) error
}

// allocator decides which Service has which address. It is told of every Service; what isn't settled is tried again when
// an address becomes free.
type allocator struct {
	cluster cluster
	pool    *pool
	known   map[string]*service
	held    map[string]netip.Addr
	refused map[string]string // by key, so that a refusal is said once
	log     func(format string, args ...any)
}

func newAllocator(c cluster, p *pool, log func(string, ...any)) *allocator {
	return &allocator{cluster: c, pool: p, log: log,
		known: map[string]*service{}, held: map[string]netip.Addr{}, refused: map[string]string{}}
}

// replace tells it of all Services there are: those that it isn't told of have gone. Addresses that stand in a status
// are kept, the oldest Service's first.
func (a *allocator) replace(ctx context.Context, services []*service) error {
	there := map[string]bool{}
	for _, s := range services {
		there[s.key()] = true
	}
	for key := range a.known {
		if !there[key] {
			a.forget(key)
		}
	}
	slices.SortFunc(services, older)
	for _, s := range services {
		a.known[s.key()] = s
		if held, holds := a.held[s.key()]; s.wants() && s.has().IsValid() && (!holds || held == s.has()) && a.suits(s, s.has()) {
			if a.pool.claim(s.key(), s.has()) == nil {
				a.held[s.key()] = s.has()
			}
		}
	}
	return a.settleAll(ctx)
}

func older(x, y *service) int {
	return cmp.Or(cmp.Compare(x.Metadata.CreationTimestamp, y.Metadata.CreationTimestamp), cmp.Compare(x.key(), y.key()))
}

// suits says whether an address is what the Service asks for.
func (a *allocator) suits(s *service, address netip.Addr) bool {
	return s.Spec.LoadBalancerIP == "" || s.Spec.LoadBalancerIP == address.String()
}

// changed tells it of a Service that is new or not as it was.
func (a *allocator) changed(ctx context.Context, s *service) error {
	if before := a.known[s.key()]; before != nil && before.Metadata.UID != s.Metadata.UID {
		a.forget(s.key())
	}
	a.known[s.key()] = s
	return a.settleAndRetry(ctx, s)
}

// deleted tells it that a Service has gone.
func (a *allocator) deleted(ctx context.Context, s *service) error {
	if a.forget(s.key()) {
		return a.settleAll(ctx)
	}
	return nil
}

// forget says whether an address has become free by it.
func (a *allocator) forget(key string) bool {
	delete(a.known, key)
	delete(a.refused, key)
	return a.release(key)
}

func (a *allocator) release(key string) bool {
	address, holds := a.held[key]
	if holds {
		a.pool.release(key, address)
		delete(a.held, key)
		a.log("%s gives back %v", key, address)
	}
	return holds
}

// settleAndRetry settles one Service, and all that were refused if an address has become free by that.
func (a *allocator) settleAndRetry(ctx context.Context, s *service) error {
	freed, err := a.settle(ctx, s)
	if err != nil || !freed {
		return err
	}
	return a.settleAll(ctx)
}

func (a *allocator) settleAll(ctx context.Context) error {
	all := make([]*service, 0, len(a.known))
	for _, s := range a.known {
		all = append(all, s)
	}
	slices.SortFunc(all, older)
	for _, s := range all {
		if _, err := a.settle(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// settle gives a Service the address that it should have, or takes it away. It says whether one has become free.
func (a *allocator) settle(ctx context.Context, s *service) (freed bool, err error) {
	key := s.key()
	if s.going() {
		return false, nil
	}
	if !s.wants() {
		freed = a.release(key)
		delete(a.refused, key)
		// Another program's Services keep what stands there.
		if s.Spec.Type != "LoadBalancer" && s.has().IsValid() {
			err = a.write(ctx, s, netip.Addr{})
		}
		return freed, err
	}
	if address, holds := a.held[key]; holds && !a.suits(s, address) {
		freed = a.release(key)
	}
	address, err := a.choose(s)
	if err != nil {
		return freed, a.refuse(ctx, s, err)
	}
	delete(a.refused, key)
	if s.has() == address {
		return freed, nil
	}
	a.log("%s gets %v", key, address)
	return freed, a.write(ctx, s, address)
}

// choose is the address that a Service holds from now on.
func (a *allocator) choose(s *service) (netip.Addr, error) {
	key := s.key()
	if address, holds := a.held[key]; holds {
		return address, nil
	}
	var address netip.Addr
	var err error
	if s.Spec.LoadBalancerIP == "" {
		address, err = a.pool.any(key)
	} else if address, err = netip.ParseAddr(s.Spec.LoadBalancerIP); err == nil {
		err = a.pool.claim(key, address)
	}
	if err != nil {
		return netip.Addr{}, err
	}
	a.held[key] = address
	return address, nil
}

// refuse says once why a Service gets no address.
func (a *allocator) refuse(ctx context.Context, s *service, why error) error {
	key := s.key()
	message := fmt.Sprintf("spec.loadBalancerIP: %v", why)
	if s.Spec.LoadBalancerIP == "" {
		message = why.Error()
	}
	if s.has().IsValid() {
		if err := a.write(ctx, s, netip.Addr{}); err != nil {
			return err
		}
	}
	if a.refused[key] == message {
		return nil
	}
	a.log("%s is refused: %s", key, message)
	if err := a.cluster.warn(ctx, s, "AddressRefused", message); err != nil {
		return err
	}
	a.refused[key] = message
	return nil
}

// write sets the status and remembers it, so that it isn't written again before the API tells of it.
func (a *allocator) write(ctx context.Context, s *service, address netip.Addr) error {
	if err := a.cluster.setAddress(ctx, s, address); err != nil {
		return err
	}
	s.Status.LoadBalancer.Ingress = nil
	if address.IsValid() {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, struct{ IP string }{address.String()})
	}
	return nil
}
