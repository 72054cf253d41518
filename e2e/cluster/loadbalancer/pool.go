package main

import (
	"errors"
	"fmt"
	"net/netip"
)

// pool hands out the addresses of a network. A holder is the name of whoever has one. Not safe for several goroutines.
type pool struct {
	network netip.Prefix
	kept    netip.Prefix // given only to who asks for it
	next    netip.Addr   // where the search for a free one goes on
	holders map[netip.Addr]string
}

var errExhausted = errors.New("no address of the pool is free")

func newPool(network, kept netip.Prefix) (*pool, error) {
	if !network.Addr().Is4() || network.Bits() > 30 {
		return nil, fmt.Errorf("pool %v: want an IPv4 network of at least 4 addresses", network)
	}
	network = network.Masked()
	return &pool{network: network, kept: kept, next: network.Addr(), holders: map[netip.Addr]string{}}, nil
}

// usable says whether an address may be given at all: not the network's own and not its broadcast address.
func (p *pool) usable(address netip.Addr) bool {
	return p.network.Contains(address) && address != p.network.Addr() && p.network.Contains(address.Next())
}

// claim gives a holder the address that it asks for. Its holder may claim it again.
func (p *pool) claim(holder string, address netip.Addr) error {
	if !p.usable(address) {
		return fmt.Errorf("%v isn't an address of the pool %v", address, p.network)
	}
	if other, taken := p.holders[address]; taken && other != holder {
		return fmt.Errorf("%v belongs to %s", address, other)
	}
	p.holders[address] = holder
	return nil
}

// any gives a holder some address. One that has been given back is used again as late as possible.
func (p *pool) any(holder string) (netip.Addr, error) {
	for start, first := p.next, true; first || p.next != start; first = false {
		address := p.next
		if p.next = address.Next(); !p.network.Contains(p.next) {
			p.next = p.network.Addr()
		}
		if _, taken := p.holders[address]; !taken && p.usable(address) && !p.kept.Contains(address) {
			p.holders[address] = holder
			return address, nil
		}
	}
	return netip.Addr{}, errExhausted
}

// release takes an address back from its holder; from anybody else it is not taken.
func (p *pool) release(holder string, address netip.Addr) {
	if p.holders[address] == holder {
		delete(p.holders, address)
	}
}
