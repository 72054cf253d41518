package harness

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Lines collects a stream line by line; readers may wait for a line.
type Lines struct {
	mu    sync.Mutex
	lines []string
}

func (l *Lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// All is every line so far.
func (l *Lines) All() []string { return l.From(0) }

// From is every line from number n on.
func (l *Lines) From(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines[min(n, len(l.lines)):]...)
}

// Len is the number of lines so far.
func (l *Lines) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// Tail is the last n lines as one text.
func (l *Lines) Tail(n int) string {
	all := l.All()
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

// Process is a started binary.
type Process struct {
	Name   string
	Args   []string
	Stdout *Lines
	Stderr *Lines

	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// The kernel ends our children when the thread that started them ends, so one thread starts them all and stays.
var spawn = sync.OnceValue(func() chan func() {
	requests := make(chan func())
	go func() {
		runtime.LockOSThread()
		for request := range requests {
			request()
		}
	}()
	return requests
})

// Start runs a binary of the product. When the test ends it is stopped; on failure its last lines are printed.
func Start(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	return StartIn(t, nil, name, args...)
}

// StartIn is Start with additional environment.
func StartIn(t testing.TB, env []string, name string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: name, Args: args, Stdout: &Lines{}, Stderr: &Lines{}, done: make(chan struct{})}
	p.cmd = exec.Command(Bin(t, name), args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	spawn() <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	var readers sync.WaitGroup
	for _, pipe := range []struct {
		from io.Reader
		to   *Lines
	}{{stdout, p.Stdout}, {stderr, p.Stderr}} {
		readers.Go(func() { collect(pipe.from, pipe.to) })
	}
	go func() {
		readers.Wait()
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() { p.end(t) })
	return p
}

func collect(from io.Reader, to *Lines) {
	reader := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			to.add(strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return
		}
	}
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal; a process that has ended already is not an error.
func (p *Process) Signal(signal syscall.Signal) { _ = p.cmd.Process.Signal(signal) }

// Running says whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Wait waits for the end and returns the exit code (128 + signal when killed by one).
func (p *Process) Wait(limit time.Duration) (int, bool) {
	select {
	case <-p.done:
	case <-time.After(Scale(limit)):
		return 0, false
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal()), true
		}
		return exit.ExitCode(), true
	}
	return 0, true
}

// WaitExit is Wait that fails the test at the deadline.
func (p *Process) WaitExit(t testing.TB, limit time.Duration) int {
	t.Helper()
	code, ended := p.Wait(limit)
	if !ended {
		t.Fatalf("%s didn't end within %v", p.Name, Scale(limit))
	}
	return code
}

// Kill ends the process at once, as kill -9 does, and waits for it.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.Signal(syscall.SIGKILL)
	p.WaitExit(t, 10*time.Second)
}

// Stop asks twice for the end (the second signal is the fast one) and fails the test when it doesn't come.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	if !p.Running() {
		return
	}
	p.Signal(syscall.SIGTERM)
	p.Signal(syscall.SIGTERM)
	limit := time.Now().Add(Scale(10 * time.Second))
	for time.Now().Before(limit) {
		// Two signals sent at once may be merged by the kernel into one; another is harmless.
		if _, ended := p.Wait(200 * time.Millisecond); ended {
			return
		}
		p.Signal(syscall.SIGTERM)
	}
	p.Signal(syscall.SIGQUIT)
	p.Kill(t)
	t.Errorf("%s didn't end within %v of SIGTERM", p.Name, Scale(10*time.Second))
}

var sanitizerWords = []string{"ERROR: AddressSanitizer", "WARNING: ThreadSanitizer", "ERROR: LeakSanitizer", "runtime error:"}

func (p *Process) end(t testing.TB) {
	p.Stop(t)
	for _, line := range p.Stderr.All() {
		for _, word := range sanitizerWords {
			if strings.Contains(line, word) {
				t.Errorf("%s: a sanitizer reports: %s", p.Name, line)
			}
		}
	}
	if t.Failed() {
		t.Logf("%s %s\n--- last log lines\n%s\n--- last access log lines\n%s", p.Name, strings.Join(p.Args, " "),
			p.Stderr.Tail(30), p.Stdout.Tail(20))
	}
}

// CheckAlive fails the test when the process has ended by itself.
func (p *Process) CheckAlive(t testing.TB) {
	t.Helper()
	if !p.Running() {
		code, _ := p.Wait(time.Second)
		t.Fatalf("%s ended by itself with %d", p.Name, code)
	}
}

// WaitLog waits for a line of the log (stderr) from line number `from` on that contains every word, and returns it.
func (p *Process) WaitLog(t testing.TB, limit time.Duration, from int, words ...string) string {
	t.Helper()
	var found string
	WaitFor(t, limit, fmt.Sprintf("a log line with %q", words), func() (bool, string) {
		for _, line := range p.Stderr.From(from) {
			if containsAll(line, words) {
				found = line
				return true, ""
			}
		}
		return false, p.Stderr.Tail(5)
	})
	return found
}

func containsAll(text string, words []string) bool {
	text = strings.ToLower(text)
	for _, word := range words {
		if !strings.Contains(text, strings.ToLower(word)) {
			return false
		}
	}
	return true
}

// AccessLine is one line of the access log.
type AccessLine map[string]any

// Text is a field as text; numbers are printed plainly, an absent field is "".
func (a AccessLine) Text(name string) string {
	switch value := a[name].(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%.0f", value), ".0")
	default:
		return fmt.Sprint(value)
	}
}

func (a AccessLine) String() string {
	text, _ := json.Marshal(map[string]any(a))
	return string(text)
}

// AccessLines parses the access log on stdout from line `from` on. Lines that aren't JSON objects fail the test.
func (p *Process) AccessLines(t testing.TB, from int) []AccessLine {
	t.Helper()
	var lines []AccessLine
	for _, text := range p.Stdout.From(from) {
		if !strings.HasPrefix(text, "{") {
			continue
		}
		line := AccessLine{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("access log line isn't JSON: %v: %s", err, text)
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// WaitAccess waits for an access log line that `want` accepts.
func (p *Process) WaitAccess(t testing.TB, from int, what string, want func(AccessLine) bool) AccessLine {
	t.Helper()
	var found AccessLine
	WaitFor(t, 5*time.Second, "an access log line: "+what, func() (bool, string) {
		for _, line := range p.AccessLines(t, from) {
			if want(line) {
				found = line
				return true, ""
			}
		}
		return false, p.Stdout.Tail(4)
	})
	return found
}

// RunCommand runs a binary of the product to its end and returns what it printed and its exit code.
func RunCommand(t testing.TB, limit time.Duration, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.Command(Bin(t, name), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	timer := time.AfterFunc(Scale(limit), func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		t.Fatalf("%s %s didn't end within %v\n%s%s", name, strings.Join(args, " "), Scale(limit), out.String(), errs.String())
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out.String(), errs.String(), code
}
