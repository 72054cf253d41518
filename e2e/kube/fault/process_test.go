//go:build cluster

package fault

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"portreeve.dev/e2e/kube/world"
)

const controllerProgram = "portreeve-controller"

// pid is that of a program's process in a pod, found by the pod's control group; 0 if there is none.
func pid(pod world.Object, program string) int {
	all, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, file := range all {
		groups, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(groups), "/pod"+pod.Text("metadata", "uid")+"/") {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(string(line), "\x00")
		if filepath.Base(name) == program {
			number, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			return number
		}
	}
	return 0
}

// signal sends a signal to the controller in a pod.
func (s *stage) signal(pod world.Object, signal syscall.Signal) {
	s.T.Helper()
	number := pid(pod, controllerProgram)
	if number == 0 {
		s.T.Fatalf("pod %s has no process", pod.Name())
	}
	if err := syscall.Kill(number, signal); err != nil {
		s.T.Fatal(err)
	}
}

// kubeletPaused does something while nothing is done about containers that have ended or don't answer.
func (s *stage) kubeletPaused(do func()) {
	s.T.Helper()
	if err := s.Signal("kubelet", syscall.SIGSTOP); err != nil {
		s.T.Fatal(err)
	}
	goOn := func() {
		if err := s.Signal("kubelet", syscall.SIGCONT); err != nil {
			s.T.Error(err)
		}
	}
	defer goOn() // also when the test ends in there
	do()
}

// served is how many of these pods have a connection to the port where a controller serves configuration.
func (s *stage) connected(controller world.Object, pods []world.Object) int {
	s.T.Helper()
	const port, established = 18000, "01"
	var peers []string
	for _, file := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid(controller, controllerProgram), file))
		if err != nil {
			s.T.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if fields[3] == established && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				peers = append(peers, fields[2])
			}
		}
	}
	number := 0
	for _, pod := range pods {
		address := net.ParseIP(pod.Text("status", "podIP")).To4()
		if address == nil {
			continue
		}
		address = slices.Clone(address)
		slices.Reverse(address) // as the kernel shows it on a little-endian machine
		shown := strings.ToUpper(hex.EncodeToString(address))
		if slices.ContainsFunc(peers, func(peer string) bool { return strings.HasSuffix(strings.Split(peer, ":")[0], shown) }) {
			number++
		}
	}
	return number
}
