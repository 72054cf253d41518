package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

func (c *Cluster) etcdFolder() string { return c.path("etcd") }

// SaveState keeps a copy of everything that etcd holds, for RestoreState. The API server and etcd are down meanwhile, for
// about two seconds.
func (c *Cluster) SaveState(ctx context.Context) error {
	return c.withoutStore(ctx, func() error {
		if err := os.RemoveAll(c.path("etcd-saved")); err != nil {
			return err
		}
		return os.CopyFS(c.path("etcd-saved"), os.DirFS(c.etcdFolder()))
	})
}

// RestoreState puts back what SaveState has kept: all objects are what they were then, and resource versions start
// again from there. Clients that have seen later ones must notice; pods go on running.
func (c *Cluster) RestoreState(ctx context.Context) error {
	if _, err := os.Stat(c.path("etcd-saved")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cluster %s has no saved state", c.name)
	}
	err := c.withoutStore(ctx, func() error {
		if err := os.RemoveAll(c.etcdFolder()); err != nil {
			return err
		}
		return os.CopyFS(c.etcdFolder(), os.DirFS(c.path("etcd-saved")))
	})
	if err != nil {
		return err
	}
	// Kubernetes' own clients don't notice, and have to be started again after a restore.
	for _, component := range []string{"controller-manager", "scheduler", "kubelet", "proxy", "dns"} {
		if err := errors.Join(c.Kill(ctx, component), c.Start(component)); err != nil {
			return err
		}
	}
	return nil
}

// withoutStore does something while neither the API server nor etcd runs.
func (c *Cluster) withoutStore(ctx context.Context, do func() error) error {
	if err := errors.Join(c.Kill(ctx, "apiserver"), c.Kill(ctx, "etcd")); err != nil {
		return err
	}
	if err := errors.Join(do(), c.startAll("etcd", "apiserver")); err != nil {
		return err
	}
	return c.awaitAPI(ctx)
}
