package cases

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"portreeve.dev/e2e/harness"
)

// folder is where the case files are: environment CASES, or testdata.
func folder() string {
	folder := os.Getenv("CASES")
	if folder == "" {
		return filepath.Join(harness.Root(), "cases", "testdata")
	}
	if _, err := os.Stat(folder); err != nil && !filepath.IsAbs(folder) {
		// Tests run in the folder of their package; people think of the root of the tree.
		return filepath.Join(harness.Root(), "..", folder)
	}
	return folder
}

// RunFiles runs each case file as a test of its own, some at once, each at a new place. Those that need what the runner
// can't do are named at the end.
func RunFiles(t *testing.T, canDo []string, atOnce int, newPlace NewPlace) {
	paths, err := filepath.Glob(filepath.Join(folder(), "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case files in %s (%v)", folder(), err)
	}
	slices.Sort(paths)
	next := make(chan func())
	var runners sync.WaitGroup
	for range atOnce {
		runners.Go(func() {
			for run := range next {
				run()
			}
		})
	}
	var ran atomic.Int32
	var notRun []string
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		c, err := Load(path)
		if err == nil {
			if missing := unmet(c.Needs, canDo); missing != "" {
				notRun = append(notRun, fmt.Sprintf("%s (needs %s)", name, missing))
				continue
			}
		}
		next <- func() {
			// Not by t.Parallel, which runs as many as there are processors: cases mostly wait.
			t.Run(name, func(t *testing.T) {
				ran.Add(1)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				Run(t, c, newPlace(t))
			})
		}
	}
	close(next)
	runners.Wait()
	fmt.Printf("cases: %d run, %d not run\n", ran.Load(), len(notRun))
	for _, name := range notRun {
		fmt.Printf("cases: not run: %s\n", name)
	}
}

func unmet(needs, canDo []string) string {
	for _, need := range needs {
		if !slices.Contains(canDo, need) {
			return need
		}
	}
	return ""
}
