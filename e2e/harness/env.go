// Package harness starts the product's binaries and speaks to them over real sockets: a client and a backend that
// keep every byte, free ports, certificates, configuration folders and waits that end as soon as they can.
package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// ControllerName is the controllerName that our GatewayClasses carry.
const ControllerName = "portreeve.dev/controller"

// ClientAddress is the address that tests connect from.
const ClientAddress = "127.0.0.1"

var slow = sync.OnceValue(func() float64 {
	text := os.Getenv("E2E_SLOW")
	if text == "" {
		return 1
	}
	factor, err := strconv.ParseFloat(text, 64)
	if err != nil || factor < 1 {
		panic(fmt.Sprintf("E2E_SLOW=%q: want a number of 1 or more", text))
	}
	return factor
})

// Slow is the factor (environment E2E_SLOW) by which deadlines are stretched, for sanitizer builds.
func Slow() float64 { return slow() }

// Scale stretches a deadline by Slow.
func Scale(d time.Duration) time.Duration { return time.Duration(float64(d) * slow()) }

// Root is the folder of this Go module.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(file))
}

// BinFolder is where the product's binaries are: environment PORTREEVE_BIN, or the dev preset's.
func BinFolder() string {
	folder := os.Getenv("PORTREEVE_BIN")
	if folder == "" {
		folder = "../build/dev/bin"
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(Root(), folder)
	}
	return folder
}

// Bin is the path of one of the product's binaries; a missing one fails the test, it never skips it.
func Bin(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(BinFolder(), name)
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		t.Fatalf("no binary %s: build it first (cmake --build --preset dev), or name its folder in PORTREEVE_BIN", path)
	}
	return path
}

// WaitFor polls until ok says true; its text describes what was seen last. It fails the test at the deadline.
func WaitFor(t testing.TB, limit time.Duration, what string, ok func() (bool, string)) {
	t.Helper()
	if seen, done := Poll(limit, ok); !done {
		t.Fatalf("waited %v for %s; last seen: %s", Scale(limit), what, seen)
	}
}

// Poll is WaitFor without a test: it returns what was seen last and whether it came in time.
func Poll(limit time.Duration, ok func() (bool, string)) (string, bool) {
	deadline := time.Now().Add(Scale(limit))
	pause := time.Millisecond
	for {
		done, seen := ok()
		if done || time.Now().After(deadline) {
			return seen, done
		}
		time.Sleep(pause) // between two looks, until the deadline
		pause = min(pause*2, 20*time.Millisecond)
	}
}
