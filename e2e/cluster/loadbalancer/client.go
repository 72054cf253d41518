package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

type clientOptions struct{ server, ca, certificate, key string }

// client speaks to the API server.
type client struct {
	server string
	http   *http.Client
}

// requestLimit is for everything but watches, whose end the server decides.
const requestLimit = 10 * time.Second

func newClient(options clientOptions) (*client, error) {
	certificate, err := tls.LoadX509KeyPair(options.certificate, options.key)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(options.ca)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{certificate}}
	if !settings.RootCAs.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", options.ca)
	}
	transport := &http.Transport{TLSClientConfig: settings, ResponseHeaderTimeout: requestLimit}
	return &client{server: strings.TrimSuffix(options.server, "/"), http: &http.Client{Transport: transport}}, nil
}

// send returns the answer when its status is one of 2xx.
func (c *client) send(ctx context.Context, method, path, kind string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
	return nil, &statusError{code: response.StatusCode, text: fmt.Sprintf("%s %s: %s: %s", method, path, response.Status, text)}
}

type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// call is send for those who don't want the answer.
func (c *client) call(ctx context.Context, method, path, kind string, body any) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	response, err := c.send(ctx, method, path, kind, text)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close())
}

// list returns all Services, and the version to watch from.
func (c *client) list(ctx context.Context) ([]*service, string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	response, err := c.send(ctx, http.MethodGet, "/api/v1/services", "", nil)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	var list struct {
		Metadata struct{ ResourceVersion string }
		Items    []*service
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, "", err
	}
	return list.Items, list.Metadata.ResourceVersion, nil
}

// watch calls tell for each change until the server ends the watch, which is no error, or tell fails.
func (c *client) watch(ctx context.Context, version string, tell func(kind string, s *service) error) error {
	response, err := c.send(ctx, http.MethodGet, "/api/v1/services?watch=true&timeoutSeconds=600&resourceVersion="+version, "", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	events := json.NewDecoder(response.Body)
	for {
		var event struct {
			Type   string
			Object json.RawMessage
		}
		if err := events.Decode(&event); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if event.Type == "ERROR" {
			return fmt.Errorf("the watch has ended: %s", event.Object)
		}
		s := &service{}
		if err := json.Unmarshal(event.Object, s); err != nil {
			return err
		}
		if err := tell(event.Type, s); err != nil {
			return err
		}
	}
}

func (c *client) setAddress(ctx context.Context, s *service, address netip.Addr) error {
	var ingress any
	if address.IsValid() {
		ingress = []map[string]string{{"ip": address.String(), "ipMode": "VIP"}}
	}
	patch := map[string]any{
		// Another Service that has taken the name meanwhile isn't meant.
		"metadata": map[string]any{"uid": s.Metadata.UID},
		"status":   map[string]any{"loadBalancer": map[string]any{"ingress": ingress}},
	}
	err := c.call(ctx, http.MethodPatch, "/api/v1/namespaces/"+s.Metadata.Namespace+"/services/"+s.Metadata.Name+"/status",
		"application/merge-patch+json", patch)
	return unlessGone(err)
}

func (c *client) warn(ctx context.Context, s *service, reason, message string) error {
	now := time.Now().UTC().Format(time.RFC3339)
	err := c.call(ctx, http.MethodPost, "/api/v1/namespaces/"+s.Metadata.Namespace+"/events", "application/json", map[string]any{
		"apiVersion": "v1", "kind": "Event",
		"metadata": map[string]any{"generateName": s.Metadata.Name + ".", "namespace": s.Metadata.Namespace},
		"involvedObject": map[string]any{"apiVersion": "v1", "kind": "Service", "namespace": s.Metadata.Namespace,
			"name": s.Metadata.Name, "uid": s.Metadata.UID},
		"type": "Warning", "reason": reason, "message": message, "count": 1, "firstTimestamp": now, "lastTimestamp": now,
		"source": map[string]any{"component": "load-balancer"},
	})
	return unlessGone(err)
}

// unlessGone drops the error that says that the object, its namespace, or the object that had this name isn't there.
func unlessGone(err error) error {
	var status *statusError
	if errors.As(err, &status) && (status.code == http.StatusNotFound || status.code == http.StatusConflict ||
		status.code == http.StatusForbidden && strings.Contains(status.text, "because it is being terminated")) {
		return nil
	}
	return err
}
