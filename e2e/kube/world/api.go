package world

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"portreeve.dev/e2e/cluster"
)

// Refused is an answer of the API server that isn't a success.
type Refused struct {
	Status  int
	Message string
}

func (r *Refused) Error() string { return fmt.Sprintf("%d: %s", r.Status, r.Message) }

// Gone says whether an error means that there is no such object.
func Gone(err error) bool { return refusedWith(err, http.StatusNotFound) }

// Conflict says whether an error means that the object has changed since it was read.
func Conflict(err error) bool { return refusedWith(err, http.StatusConflict) }

func refusedWith(err error, status int) bool {
	var refused *Refused
	return errors.As(err, &refused) && refused.Status == status
}

// Call asks the API server as the administrator; a body that isn't empty is of the given type.
func (w *World) Call(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, cluster.APIServer+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := w.api.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		var status struct{ Message string }
		if json.Unmarshal(text, &status) != nil {
			status.Message = string(text)
		}
		return nil, fmt.Errorf("%s %s: %w", method, path, &Refused{response.StatusCode, status.Message})
	}
	return text, nil
}

// document is one object as text, and what of it stands in its path.
type document struct {
	text, version, kind, namespace, name string
}

// documents splits YAML texts. Objects of a kind that has namespaces get this one if they name none.
func documents(namespace string, texts ...string) ([]document, error) {
	var all []document
	for _, text := range texts {
		for _, part := range strings.Split("\n"+text, "\n---") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			var head struct {
				APIVersion string `yaml:"apiVersion"`
				Kind       string
				Metadata   struct{ Namespace, Name string }
			}
			if err := yaml.Unmarshal([]byte(part), &head); err != nil {
				return nil, fmt.Errorf("%w in:\n%s", err, part)
			}
			known, ok := kinds[head.Kind]
			if !ok {
				return nil, fmt.Errorf("kind %q isn't in the table of kinds", head.Kind)
			}
			one := document{part, head.APIVersion, head.Kind, head.Metadata.Namespace, head.Metadata.Name}
			if one.namespace == "" && !known.global {
				one.namespace = namespace
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// TryApply makes objects or changes them to what the texts say: server-side apply, as one owner.
func (w *World) TryApply(ctx context.Context, namespace string, texts ...string) error {
	all, err := documents(namespace, texts...)
	if err != nil {
		return err
	}
	for _, one := range all {
		path := collection(one.version, one.kind, one.namespace) + "/" + one.name + "?fieldManager=tests&force=true"
		if _, err := w.Call(ctx, http.MethodPatch, path, "application/apply-patch+yaml", []byte(one.text)); err != nil {
			return err
		}
	}
	return nil
}

// Create makes many objects, by several connections at once: four times as quick as one by one.
func (w *World) Create(t testing.TB, namespace string, texts ...string) {
	t.Helper()
	all, err := documents(namespace, texts...)
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan document)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for one := range next {
				path := collection(one.version, one.kind, one.namespace)
				if _, err := w.Call(t.Context(), http.MethodPost, path, "application/yaml", []byte(one.text)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, one := range all {
		next <- one
	}
	close(next)
	workers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// Merge changes one object by a JSON merge patch.
func (w *World) Merge(t testing.TB, kind, namespace, name, patch string) {
	t.Helper()
	_, err := w.Call(t.Context(), http.MethodPatch, path(kind, namespace, name), "application/merge-patch+json", []byte(patch))
	if err != nil {
		t.Fatal(err)
	}
}

// TryPutStatus writes an object's status over what there is, unless the object has changed since it was read.
func (w *World) TryPutStatus(ctx context.Context, manager string, object Object) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	where := path(object.Text("kind"), object.Text("metadata", "namespace"), object.Name()) + "/status?fieldManager=" + manager
	_, err = w.Call(ctx, http.MethodPut, where, "application/json", text)
	return err
}

// Delete deletes an object and what it owns; it is no fault when there is none.
func (w *World) Delete(t testing.TB, kind, namespace, name string) {
	t.Helper()
	if err := w.TryDelete(t.Context(), kind, namespace, name); err != nil {
		t.Fatal(err)
	}
}

// TryDelete is Delete without a test.
func (w *World) TryDelete(ctx context.Context, kind, namespace, name string) error {
	_, err := w.Call(ctx, http.MethodDelete, path(kind, namespace, name)+"?propagationPolicy=Background", "", nil)
	if Gone(err) {
		return nil
	}
	return err
}

// DeleteAll deletes all objects of a kind in a namespace, by one request.
func (w *World) DeleteAll(t testing.TB, kind, namespace string) {
	t.Helper()
	if _, err := w.Call(t.Context(), http.MethodDelete, path(kind, namespace, ""), "", nil); err != nil {
		t.Fatal(err)
	}
}

// TryFind returns an object, or why there is none.
func (w *World) TryFind(ctx context.Context, kind, namespace, name string) (Object, error) {
	text, err := w.Call(ctx, http.MethodGet, path(kind, namespace, name), "", nil)
	if err != nil {
		return nil, err
	}
	var object Object
	return object, json.Unmarshal(text, &object)
}

// Find returns an object; an empty one when it can't be had, which no condition holds for.
func (w *World) Find(kind, namespace, name string) Object {
	object, err := w.TryFind(context.Background(), kind, namespace, name)
	if err != nil {
		return Object{}
	}
	return object
}

// List returns the objects of a kind in a namespace ("": in all) that have these labels, as in "a=b,c=d".
func (w *World) List(kind, namespace, labels string) []Object {
	where := path(kind, namespace, "")
	if labels != "" {
		where += "?labelSelector=" + url.QueryEscape(labels)
	}
	text, err := w.Call(context.Background(), http.MethodGet, where, "", nil)
	var list struct{ Items []Object }
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil
	}
	return list.Items
}
