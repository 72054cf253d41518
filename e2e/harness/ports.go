package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Listener ports come from below the kernel's ephemeral range, so that no outgoing connection takes one, and are
// locked by a file each, so that packages that run at the same time never share one.
func portRange() (int, int) {
	low, high := 20000, 32000
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		if first, err := strconv.Atoi(strings.Fields(string(text))[0]); err == nil && first > 21000 {
			high = min(first-1, 60000)
		}
	}
	return low, high
}

// Port reserves a TCP port that nobody listens on; it is given back when the test ends.
func Port(t testing.TB) int {
	t.Helper()
	port, release, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}

// Ports reserves n ports.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		ports[i] = Port(t)
	}
	return ports
}

func reservePort() (int, func(), error) {
	folder := filepath.Join(os.TempDir(), "portreeve-e2e-ports")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return 0, nil, err
	}
	low, high := portRange()
	for try := 0; try < 2000; try++ {
		port := low + rand.IntN(high-low)
		file, err := os.OpenFile(filepath.Join(folder, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o666)
		if err != nil {
			return 0, nil, err
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !portIsFree(port) {
			file.Close()
			continue
		}
		return port, func() { file.Close() }, nil
	}
	return 0, nil, fmt.Errorf("no free port between %d and %d", low, high)
}

func portIsFree(port int) bool {
	for _, address := range []string{"0.0.0.0", "127.0.0.1", "[::]"} {
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address, port))
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}
