package world

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"testing"
)

// Write is one write to an object of the Gateway API or of ours, as the API server's audit log has it.
type Write struct {
	Verb        string
	Resource    string
	Subresource string
	Namespace   string
	Name        string
	User        string
	Code        int
}

// AuditMark is where the audit log ends now.
func (w *World) AuditMark(t testing.TB) int64 {
	t.Helper()
	info, err := os.Stat(w.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Writes are those since a mark.
func (w *World) Writes(t testing.TB, since int64) []Write {
	t.Helper()
	file, err := os.Open(w.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(since, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var all []Write
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return all // what isn't a whole line yet is one that isn't written yet
		}
		var event struct {
			Verb           string
			User           struct{ Username string }
			ObjectRef      struct{ Resource, Subresource, Namespace, Name string }
			ResponseStatus struct{ Code int }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("audit log: %v in %s", err, line)
		}
		all = append(all, Write{event.Verb, event.ObjectRef.Resource, event.ObjectRef.Subresource, event.ObjectRef.Namespace,
			event.ObjectRef.Name, event.User.Username, event.ResponseStatus.Code})
	}
}
