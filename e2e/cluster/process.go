package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// spawn starts a component: a process in its own control group, that outlives this one, with its output in LogFile.
func (c *Cluster) spawn(component string, argv ...string) error {
	log, err := os.OpenFile(c.LogFile(component), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// The process moves itself before it becomes the program, so that no child of it is ever outside.
	const join = `echo 0 >"$1/cgroup.procs"; shift; exec "$@"`
	cmd := exec.Command("/bin/sh", append([]string{"-euc", join, "join", c.groups.leaf(component)}, argv...)...)
	cmd.Env = []string{"PATH=" + systemFolders, "HOME=" + c.state, "LANG=C.UTF-8"}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", component, err)
	}
	// Reaped here when it ends before this process does.
	go func() { _ = cmd.Wait() }()
	if err := os.WriteFile(c.pidFile(component), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return err
	}
	// It counts as running as soon as this returns.
	return waitFor(context.Background(), 5*time.Second, component+" to start", func() (bool, error) {
		_, running := c.Pid(component)
		if !running && syscall.Kill(cmd.Process.Pid, 0) != nil {
			return false, c.died(component)
		}
		return running, nil
	})
}

func (c *Cluster) pidFile(component string) string { return c.path("run", component+".pid") }

// Pid is the process id of a component, and whether it runs.
func (c *Cluster) Pid(component string) (int, bool) {
	text, err := os.ReadFile(c.pidFile(component))
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, false
	}
	// Its number may be another process's by now; that one isn't in the component's group.
	return pid, slices.Contains(groupPids(c.groups.leaf(component)), pid)
}

// Signal sends a signal to a running component.
func (c *Cluster) Signal(component string, signal syscall.Signal) error {
	pid, running := c.Pid(component)
	if !running {
		return fmt.Errorf("%s of cluster %s isn't running", component, c.name)
	}
	return syscall.Kill(pid, signal)
}

// Kill ends a component as kill -9 does, and waits until it is gone. One that doesn't run is left at that.
func (c *Cluster) Kill(ctx context.Context, component string) error {
	if err := c.Signal(component, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		if _, running := c.Pid(component); running {
			return err
		}
	}
	return waitFor(ctx, 20*time.Second, component+" to end", func() (bool, error) {
		_, running := c.Pid(component)
		return !running, nil
	})
}

// Start starts a component that isn't running, as up did.
func (c *Cluster) Start(component string) error {
	if _, running := c.Pid(component); running {
		return nil
	}
	argv, known := c.daemons()[component]
	if !known {
		return fmt.Errorf("no such component: %s (%s)", component, strings.Join(c.Components(), ", "))
	}
	inside, err := c.insideArguments(argv)
	if err != nil {
		return err
	}
	return c.spawn(component, inside...)
}

var errDied = errors.New("has ended by itself")

// died is the error for a component that has ended by itself, with the end of its log.
func (c *Cluster) died(component string) error {
	return fmt.Errorf("%s %w; %s", component, errDied, c.logTail(component))
}

func (c *Cluster) logTail(component string) string {
	text, err := os.ReadFile(c.LogFile(component))
	if errors.Is(err, fs.ErrNotExist) {
		return "it has written no log"
	}
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Sprintf("the end of %s:\n    %s", c.LogFile(component), strings.Join(lines[max(0, len(lines)-12):], "\n    "))
}

// await polls as waitFor does, and fails as soon as one of these components has ended.
func (c *Cluster) await(ctx context.Context, limit time.Duration, what string, components []string, done func() bool) error {
	return waitFor(ctx, limit, what, func() (bool, error) {
		for _, component := range components {
			if _, running := c.Pid(component); !running {
				return false, c.died(component)
			}
		}
		return done(), nil
	})
}

// withLog adds the end of a component's log to an error, unless it says already how a component has ended.
func (c *Cluster) withLog(err error, component string) error {
	if err == nil || errors.Is(err, errDied) {
		return err
	}
	return fmt.Errorf("%w; %s", err, c.logTail(component))
}
