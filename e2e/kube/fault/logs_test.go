//go:build cluster

package fault

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portreeve.dev/e2e/kube/world"
)

// logs holds the log files of pods open: they can be read while the API server is away, and when their pod is gone.
type logs struct {
	folder     string
	namespaces []string

	mutex sync.Mutex
	files map[uint64]*logFile // by inode: a file that grew too large gets another name
	order []*logFile
}

type logFile struct {
	namespace, pod string
	file           *os.File
}

// How often it is looked for new files: far more often than a pod comes and goes.
const lookout = 100 * time.Millisecond

// follow holds the logs of all pods in these namespaces, those that are still to come too, until the test ends.
func follow(t *testing.T, w *world.World, namespaces ...string) *logs {
	l := &logs{folder: filepath.Join(filepath.Dir(w.Kubeconfig()), "pods-log"), namespaces: namespaces, files: map[uint64]*logFile{}}
	l.look()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(lookout)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				l.look()
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
		for _, one := range l.order {
			one.file.Close()
		}
	})
	return l
}

func (l *logs) look() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, namespace := range l.namespaces {
		// NAMESPACE_POD_UID/CONTAINER/RESTART.log
		paths, _ := filepath.Glob(filepath.Join(l.folder, namespace+"_*", "*", "*.log"))
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				continue
			}
			inode := info.Sys().(*syscall.Stat_t).Ino
			if l.files[inode] != nil {
				continue
			}
			file, err := os.Open(path)
			if err != nil {
				continue
			}
			pod := strings.Split(filepath.Base(filepath.Dir(filepath.Dir(path))), "_")[1]
			l.files[inode] = &logFile{namespace, pod, file}
			l.order = append(l.order, l.files[inode])
		}
	}
}

// each calls visit for each line of a file, without what the container runtime puts before it.
func (f *logFile) each(visit func(line string)) {
	lines := bufio.NewReaderSize(io.NewSectionReader(f.file, 0, 1<<40), 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		// "2006-01-02T15:04:05.999999999Z stderr F TEXT"
		if fields := bytes.SplitN(line, []byte(" "), 4); len(fields) == 4 {
			visit(strings.TrimSpace(string(fields[3])))
		}
	}
}

// find returns the lines of the pods of a namespace, or of one of them, that are as wanted.
func (l *logs) find(namespace, pod string, ok func(line string) bool) []string {
	l.look()
	l.mutex.Lock()
	files := slices.Clone(l.order)
	l.mutex.Unlock()
	var found []string
	for _, one := range files {
		if one.namespace != namespace || pod != "" && one.pod != pod {
			continue
		}
		one.each(func(line string) {
			if ok(line) {
				found = append(found, one.pod+": "+line)
			}
		})
	}
	return found
}
