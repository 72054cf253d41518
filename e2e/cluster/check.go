package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// Check says what isn't as it is after Up: a component that doesn't run, a node that isn't ready, DNS without an answer.
func (c *Cluster) Check(ctx context.Context) error {
	for _, component := range startOrder {
		if _, running := c.Pid(component); !running {
			return fmt.Errorf("%s isn't running", component)
		}
	}
	text, err := c.get(ctx, "/api/v1/nodes/"+NodeName)
	if err != nil {
		return err
	}
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := json.Unmarshal(text, &node); err != nil {
		return err
	}
	ready := errors.New("the node doesn't say that it is ready")
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			ready = nil
		} else if condition.Type == "Ready" {
			ready = fmt.Errorf("the node isn't ready: %s", condition.Message)
		}
	}
	if ready != nil {
		return ready
	}
	if _, err := c.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default"); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := c.Resolver().LookupNetIP(asking, "ip4", "kubernetes.default.svc.cluster.local."); err != nil {
		return fmt.Errorf("the cluster's DNS doesn't know the API server: %w", err)
	}
	return nil
}

// get reads a path of the API as the administrator.
func (c *Cluster) get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := c.API()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, APIServer+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %s", path, response.Status, strings.TrimSpace(string(text)))
	}
	return text, nil
}

// API is a client for the API server's URLs (APIServer and a path) with the rights of the administrator, for whoever has
// more to do than a kubectl for each object would be quick enough for. The cluster must have been started.
func (c *Cluster) API() (*http.Client, error) {
	certificate, err := tls.LoadX509KeyPair(c.path("pki", "admin.crt"), c.path("pki", "admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		return nil, err
	}
	transport := c.Transport()
	transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{certificate}}
	transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(ca)
	transport.MaxIdleConnsPerHost = 16
	return &http.Client{Transport: transport}, nil
}
