// load-balancer gives each Service of type LoadBalancer an address, as a cloud would: the one in spec.loadBalancerIP when
// it is of the pool and free, or one of the pool. kube-proxy does the rest. A Service that can't have what it asks for
// gets none, and an event that says why.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var options clientOptions
	flag.StringVar(&options.server, "server", "", "URL of the API server")
	flag.StringVar(&options.ca, "ca", "", "file of its CA certificate")
	flag.StringVar(&options.certificate, "certificate", "", "file of the client certificate")
	flag.StringVar(&options.key, "key", "", "file of its key")
	network := flag.String("pool", "", "network of the addresses, such as 10.89.0.0/16")
	kept := flag.String("kept", "", "network of those that are given only to who asks for them")
	flag.Parse()
	if err := run(options, *network, *kept); err != nil {
		fmt.Fprintln(os.Stderr, "load-balancer:", err)
		os.Exit(1)
	}
}

func run(options clientOptions, network, kept string) error {
	all, err := netip.ParsePrefix(network)
	if err != nil {
		return fmt.Errorf("-pool: %w", err)
	}
	reserved, err := netip.ParsePrefix(kept)
	if err != nil {
		return fmt.Errorf("-kept: %w", err)
	}
	addresses, err := newPool(all, reserved)
	if err != nil {
		return err
	}
	api, err := newClient(options)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	logger := log.New(os.Stderr, "", log.LstdFlags|log.Lmicroseconds)
	decisions := newAllocator(api, addresses, logger.Printf)
	for ctx.Err() == nil {
		// A watch ends now and then by itself; whatever else it ends by, all Services are read again.
		if err := follow(ctx, api, decisions); err != nil && ctx.Err() == nil {
			logger.Printf("reading the Services again: %v", err)
			select {
			case <-ctx.Done():
			case <-time.After(300 * time.Millisecond):
			}
		}
	}
	return nil
}

// follow tells the allocator of all Services and of every change, until the watch ends.
func follow(ctx context.Context, api *client, decisions *allocator) error {
	services, version, err := api.list(ctx)
	if err != nil {
		return err
	}
	if err := decisions.replace(ctx, services); err != nil {
		return err
	}
	return api.watch(ctx, version, func(kind string, s *service) error {
		if kind == "DELETED" {
			return decisions.deleted(ctx, s)
		}
		return decisions.changed(ctx, s)
	})
}
