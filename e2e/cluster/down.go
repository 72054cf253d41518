package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Down ends every process of the cluster and removes all that it has made, its objects and logs too. It works after a
// crash and when there is no cluster.
func (c *Cluster) Down(ctx context.Context) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	defer os.Remove(c.lockPath())
	if err := c.remove(ctx); err != nil {
		return fmt.Errorf("stop cluster %s: %w", c.name, err)
	}
	c.say("cluster %s is gone", c.name)
	return nil
}

// remove is Down for those who have the lock.
func (c *Cluster) remove(ctx context.Context) error {
	// With the last process the namespaces go, and with these the network and every mount.
	if err := errors.Join(c.groups.kill(ctx), c.groups.remove(ctx)); err != nil {
		return err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(mounts), "\n") {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], c.state+"/") {
			return fmt.Errorf("%s is still mounted: unmount it, then try again", fields[4])
		}
	}
	// All files of the machine were mounted there. Nothing is removed unless it is the empty folder that it should be.
	if err := os.Remove(c.path("root")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(c.state); err != nil {
		return err
	}
	return nil
}
