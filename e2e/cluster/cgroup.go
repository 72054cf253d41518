package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const controlGroupFolder = "/sys/fs/cgroup"

// controlGroups is the control group of a cluster, in each hierarchy of the machine: one with version 2, one for each
// controller with version 1. The daemons are in "daemons/NAME" of one hierarchy; the kubelet makes "kubepods" beside it
// in all of them. Children inherit their parent's group, so every process of the cluster is somewhere below.
type controlGroups struct {
	name    string   // below each hierarchy
	folders []string // the cluster's folder in each hierarchy
	tracked string   // the one of them with the daemons
	unified bool     // version 2
}

// findControlGroups finds out what the machine has; it makes nothing.
func findControlGroups(cluster string) (controlGroups, error) {
	groups := controlGroups{name: "portreeve-" + cluster}
	if _, err := os.Stat(filepath.Join(controlGroupFolder, "cgroup.controllers")); err == nil {
		groups.unified = true
		groups.tracked = filepath.Join(controlGroupFolder, groups.name)
		groups.folders = []string{groups.tracked}
		return groups, nil
	}
	files, err := filepath.Glob(filepath.Join(controlGroupFolder, "*", "cgroup.procs"))
	if err != nil {
		return groups, err
	}
	seen := map[string]bool{}
	for _, file := range files {
		// "cpu" and "cpuacct" may be two names of one hierarchy.
		hierarchy, err := filepath.EvalSymlinks(filepath.Dir(file))
		if err != nil || seen[hierarchy] {
			continue
		}
		seen[hierarchy] = true
		folder := filepath.Join(hierarchy, groups.name)
		groups.folders = append(groups.folders, folder)
		if filepath.Base(hierarchy) == "pids" {
			groups.tracked = folder
		}
	}
	if groups.tracked == "" {
		return groups, fmt.Errorf("no control groups with a pids controller in %s: mount them", controlGroupFolder)
	}
	return groups, nil
}

// leaf is the group of one daemon.
func (g controlGroups) leaf(daemon string) string { return filepath.Join(g.tracked, "daemons", daemon) }

// create makes the groups, ready for the kubelet and for these daemons.
func (g controlGroups) create(daemons []string) error {
	for _, folder := range g.folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := g.enable(folder); err != nil {
			return fmt.Errorf("control group %s: %w", folder, err)
		}
	}
	for _, daemon := range daemons {
		if err := os.MkdirAll(g.leaf(daemon), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (g controlGroups) enable(folder string) error {
	parent := filepath.Dir(folder)
	if !g.unified {
		// A new group of the cpuset controller takes no process until these are set.
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(parent, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, name), value, 0o644)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	controllers, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, level := range []string{parent, folder} {
		for _, controller := range strings.Fields(string(controllers)) {
			// One that can't be enabled here is one that the kubelet then does without, or names.
			_ = os.WriteFile(filepath.Join(level, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
		}
	}
	return nil
}

// groupPids are the processes of one group; a group that isn't there has none. Zombies are not among them.
func groupPids(folder string) []int {
	text, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// groups calls visit for each group of the cluster, the innermost first.
func (g controlGroups) walk(visit func(folder string)) {
	for _, top := range g.folders {
		var all []string
		_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				all = append(all, path)
			}
			return nil
		})
		for i := len(all) - 1; i >= 0; i-- {
			visit(all[i])
		}
	}
}

// pids are all processes of the cluster.
func (g controlGroups) pids() []int {
	seen := map[int]bool{}
	var pids []int
	g.walk(func(folder string) {
		for _, pid := range groupPids(folder) {
			if !seen[pid] {
				seen[pid] = true
				pids = append(pids, pid)
			}
		}
	})
	return pids
}

// kill ends every process of the cluster, those too that are being started meanwhile.
func (g controlGroups) kill(ctx context.Context) error {
	return waitFor(ctx, 30*time.Second, "the processes in "+g.tracked+" to end", func() (bool, error) {
		pids := g.pids()
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(pids) == 0, nil
	})
}

// remove removes the groups, which must be empty.
func (g controlGroups) remove(ctx context.Context) error {
	// A group stays busy for a moment after its last process has ended.
	return waitFor(ctx, 10*time.Second, "the control groups "+g.name+" to be removed", func() (bool, error) {
		left := 0
		g.walk(func(folder string) {
			if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
				left++
			}
		})
		return left == 0, nil
	})
}
