package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Options of a gateway under test. The zero value is one worker, the access log on stdout, a state folder of its own.
type Options struct {
	Workers   int
	Limits    map[string]int
	AccessLog string
	State     string
	Args      []string
	Env       []string
}

// Gateway is a running `portreeve run` or `portreeve-dataplane` with its admin address.
type Gateway struct {
	*Process
	Folder *Folder
	Admin  string
	State  string
}

func (o *Options) arguments(t testing.TB, admin string) []string {
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.State == "" {
		o.State = filepath.Join(t.TempDir(), "state")
		if err := os.Mkdir(o.State, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if o.AccessLog == "" {
		o.AccessLog = "-"
	}
	args := []string{"--workers", strconv.Itoa(o.Workers), "--admin", admin, "--access-log", o.AccessLog, "--state", o.State}
	for name, value := range o.Limits {
		args = append(args, "--limit", fmt.Sprintf("%s=%d", name, value))
	}
	return append(args, o.Args...)
}

// Run starts `portreeve run FOLDER` and waits until it is ready.
func Run(t testing.TB, folder *Folder, options Options) *Gateway {
	t.Helper()
	g := RunUnready(t, folder, options)
	g.WaitReady(t)
	return g
}

// RunUnready starts `portreeve run FOLDER` and doesn't wait.
func RunUnready(t testing.TB, folder *Folder, options Options) *Gateway {
	t.Helper()
	admin := fmt.Sprintf("127.0.0.1:%d", Port(t))
	args := append([]string{"run"}, options.arguments(t, admin)...)
	p := StartIn(t, options.Env, "portreeve", append(args, folder.Path)...)
	return &Gateway{Process: p, Folder: folder, Admin: admin, State: options.State}
}

// RunDataplane starts `portreeve-dataplane --controller ADDRESS` and doesn't wait.
func RunDataplane(t testing.TB, controller string, options Options) *Gateway {
	t.Helper()
	admin := fmt.Sprintf("127.0.0.1:%d", Port(t))
	args := append([]string{"--controller", controller}, options.arguments(t, admin)...)
	p := StartIn(t, options.Env, "portreeve-dataplane", args...)
	return &Gateway{Process: p, Admin: admin, State: options.State}
}

// WaitReady waits until /readyz says 200.
func (g *Gateway) WaitReady(t testing.TB) {
	t.Helper()
	WaitFor(t, 10*time.Second, "/readyz of "+g.Name, func() (bool, string) {
		if !g.Running() {
			code, _ := g.Wait(time.Second)
			t.Fatalf("%s ended with %d before it was ready:\n%s", g.Name, code, g.Stderr.Tail(20))
		}
		status, body, err := g.Get("/readyz")
		return err == nil && status == 200, fmt.Sprintf("status %d, body %q, error %v", status, body, err)
	})
}

var adminClient = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Get asks the admin port.
func (g *Gateway) Get(path string) (int, string, error) {
	answer, err := adminClient.Get("http://" + g.Admin + path)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// Metrics is the parsed /metrics: the key is a series as it is printed, such as name{label="value"}.
type Metrics map[string]float64

// Metrics reads /metrics.
func (g *Gateway) Metrics(t testing.TB) Metrics {
	t.Helper()
	status, body, err := g.Get("/metrics")
	if err != nil || status != 200 {
		t.Fatalf("/metrics: status %d, error %v", status, err)
	}
	metrics, err := ParseMetrics(body)
	if err != nil {
		t.Fatal(err)
	}
	return metrics
}

// ParseMetrics parses the Prometheus text format as far as tests need it.
func ParseMetrics(text string) (Metrics, error) {
	metrics := Metrics{}
	for _, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		series, rest := line, ""
		if end := strings.LastIndexByte(line, '}'); end >= 0 {
			series, rest = line[:end+1], line[end+1:]
		} else if space := strings.IndexByte(line, ' '); space >= 0 {
			series, rest = line[:space], line[space:]
		}
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return nil, fmt.Errorf("metrics line %q has no value", line)
		}
		value, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return nil, fmt.Errorf("metrics line %q: %w", line, err)
		}
		if _, twice := metrics[series]; twice {
			return nil, fmt.Errorf("series twice in /metrics: %s", series)
		}
		metrics[series] = value
	}
	return metrics, nil
}

// Sum adds up the series of a metric whose labels contain every one of the texts, such as `reason="no_route"`.
func (m Metrics) Sum(name string, labels ...string) float64 {
	total := 0.0
	for series, value := range m {
		if base, _, _ := strings.Cut(series, "{"); base != name {
			continue
		}
		if containsAll(series, labels) {
			total += value
		}
	}
	return total
}

// ValidateResult is what `portreeve validate --output json` prints.
type ValidateResult struct {
	Objects []struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Namespace  string `json:"namespace"`
			Name       string `json:"name"`
			Generation int64  `json:"generation"`
		} `json:"metadata"`
		Status Status `json:"status"`
	} `json:"objects"`
	Problems []struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
		Object   any    `json:"object"`
		Field    string `json:"field"`
		Message  string `json:"message"`
		Severity string `json:"severity"`
	} `json:"problems"`

	Code   int    `json:"-"`
	Stderr string `json:"-"`
	Stdout string `json:"-"`
}

// Condition is a Kubernetes condition.
type Condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	ObservedGeneration int64  `json:"observedGeneration"`
}

// Status is the union of the status of the kinds that have one.
type Status struct {
	Conditions []Condition `json:"conditions"`
	Listeners  []struct {
		Name           string `json:"name"`
		AttachedRoutes int    `json:"attachedRoutes"`
		SupportedKinds []struct {
			Group string `json:"group"`
			Kind  string `json:"kind"`
		} `json:"supportedKinds"`
		Conditions []Condition `json:"conditions"`
	} `json:"listeners"`
	Parents []struct {
		ParentRef struct {
			Group       string `json:"group"`
			Kind        string `json:"kind"`
			Namespace   string `json:"namespace"`
			Name        string `json:"name"`
			SectionName string `json:"sectionName"`
			Port        int    `json:"port"`
		} `json:"parentRef"`
		ControllerName string      `json:"controllerName"`
		Conditions     []Condition `json:"conditions"`
	} `json:"parents"`
}

// Validate runs `portreeve validate --output json FOLDER`. Exit codes other than 0 and 1 fail the test.
func Validate(t testing.TB, folder string) *ValidateResult {
	t.Helper()
	stdout, stderr, code := RunCommand(t, 20*time.Second, "portreeve", "validate", "--output", "json", folder)
	result := &ValidateResult{Code: code, Stdout: stdout, Stderr: stderr}
	if code != 0 && code != 1 {
		t.Fatalf("validate ended with %d\n%s%s", code, stdout, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), result); err != nil {
		t.Fatalf("validate printed no JSON: %v\n%s%s", err, stdout, stderr)
	}
	return result
}

// Find is the status of an object; nil when it isn't there.
func (v *ValidateResult) Find(kind, namespace, name string) *Status {
	for i, object := range v.Objects {
		if object.Kind == kind && object.Metadata.Namespace == namespace && object.Metadata.Name == name {
			return &v.Objects[i].Status
		}
	}
	return nil
}

// FindCondition is the condition of a type; nil when it isn't there.
func FindCondition(conditions []Condition, kind string) *Condition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}
