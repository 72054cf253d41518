// Package world is what all tests on Kubernetes share: a cluster with Portreeve in it, a namespace for each test, objects
// and their conditions, requests from inside the cluster's network, load, and what is told when something fails.
//
// Nothing here sleeps for a fixed time: whatever is waited for is looked at often, up to a deadline. Tests that use it
// have the build tag `cluster`, so that `go test ./...` starts none.
package world

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"portreeve.dev/e2e/cluster"
)

// Limit is for anything that a cluster does; most of it takes a second or two, and much longer while the machine is busy.
const Limit = 2 * time.Minute

// World is a running cluster. Its methods may be called from any goroutine.
type World struct {
	*cluster.Cluster
	// Tag of our images, a hash of what is in them: other binaries are other images, and pods are made anew.
	Tag string

	api     *http.Client
	install sync.Mutex
}

var shared struct {
	once  sync.Once
	world *World
	err   error
}

// ClusterName is the cluster that the tests run in: environment CLUSTER, or "kube".
func ClusterName() string {
	if name := os.Getenv("CLUSTER"); name != "" {
		return name
	}
	return "kube"
}

// Open returns the cluster with our images in it, started if it isn't running yet. What it is when tests begin is what
// the tests before have left: it stays, so that the next ones have it at once.
func Open(t testing.TB) *World {
	t.Helper()
	shared.once.Do(func() { shared.world, shared.err = start() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.world
}

// Ready is Open with Portreeve installed as Install does it without arguments.
func Ready(t testing.TB) *World {
	t.Helper()
	w := Open(t)
	w.Install(t)
	return w
}

func start() (*World, error) {
	// Building what is missing may take minutes, once.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	c, err := cluster.Open(cluster.Options{Name: ClusterName(), Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	if err := cluster.Build(ctx, []*cluster.Tool{Tool("helm")}, Say); err != nil {
		return nil, err
	}
	if err := c.Up(ctx, cluster.Experimental); err != nil {
		return nil, err
	}
	w := &World{Cluster: c}
	if w.api, err = c.API(); err != nil {
		return nil, err
	}
	w.Tag, err = loadImages(ctx, c)
	return w, err
}

// Tool is one of the programs that come with a cluster.
func Tool(name string) *cluster.Tool {
	tools := cluster.Tools()
	return tools[slices.IndexFunc(tools, func(tool *cluster.Tool) bool { return tool.Name == name })]
}

// Say tells of what takes long, while it does.
func Say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
