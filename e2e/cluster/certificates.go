package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// authority is the cluster's CA. Keys stay in the state folder, which only root may read.
type authority struct {
	certificate *x509.Certificate
	pem         []byte
	key         *ecdsa.PrivateKey
}

// identity is a certificate to make: whose, and for which addresses and names if it is a server's.
type identity struct {
	file         string
	name         string
	organization string
	addresses    []string
	names        []string
}

// The users of the cluster. The groups and user names that begin with "system:" are Kubernetes' own.
var identities = []identity{
	{file: "apiserver", name: "kube-apiserver", addresses: []string{NodeAddress, APIService, "127.0.0.1"},
		names: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}},
	{file: "apiserver-kubelet", name: "kube-apiserver-kubelet", organization: "system:masters"},
	{file: "admin", name: "admin", organization: "system:masters"},
	{file: "controller-manager", name: "system:kube-controller-manager"},
	{file: "scheduler", name: "system:kube-scheduler"},
	{file: "proxy", name: "system:kube-proxy"},
	{file: "kubelet", name: "system:node:" + NodeName, organization: "system:nodes"},
	{file: "kubelet-server", name: "system:node:" + NodeName, addresses: []string{NodeAddress}, names: []string{NodeName}},
	{file: "coredns", name: "cluster:coredns"},
	{file: "load-balancer", name: "cluster:load-balancer"},
}

// The identities that get a kubeconfig, NAME.kubeconfig in the state folder.
var kubeconfigs = []string{"admin", "controller-manager", "scheduler", "proxy", "kubelet", "coredns"}

// createCertificates makes the CA, all certificates, the key of service accounts, and the kubeconfigs.
func (c *Cluster) createCertificates() error {
	if err := os.MkdirAll(c.path("pki"), 0o700); err != nil {
		return err
	}
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("pki", "ca.crt"), ca.pem, 0o600); err != nil {
		return err
	}
	// The controller manager signs CertificateSigningRequests with it.
	if err := writeKey(c.path("pki", "ca.key"), ca.key); err != nil {
		return err
	}
	for _, who := range identities {
		if err := ca.issue(who, c.path("pki", who.file)); err != nil {
			return fmt.Errorf("certificate of %s: %w", who.name, err)
		}
	}
	accounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(c.path("pki", "service-accounts.key"), accounts); err != nil {
		return err
	}
	for _, name := range kubeconfigs {
		if err := c.writeKubeconfig(name, ca.pem); err != nil {
			return err
		}
	}
	return nil
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cluster CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, pem: encodePEM("CERTIFICATE", der), key: key}, nil
}

// issue writes PATH.crt and PATH.key.
func (a *authority) issue(who identity, path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: who.name}, DNSNames: who.names,
		NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if who.organization != "" {
		template.Subject.Organization = []string{who.organization}
	}
	for _, address := range who.addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".crt", encodePEM("CERTIFICATE", der), 0o600); err != nil {
		return err
	}
	return writeKey(path+".key", key)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, encodePEM("EC PRIVATE KEY", der), 0o600)
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// writeKubeconfig writes a kubeconfig that needs no other file.
func (c *Cluster) writeKubeconfig(name string, ca []byte) error {
	certificate, err := os.ReadFile(c.path("pki", name+".crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.path("pki", name+".key"))
	if err != nil {
		return err
	}
	encode := base64.StdEncoding.EncodeToString
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: %[3]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: %[6]s
  context:
    cluster: cluster
    user: %[3]s
current-context: %[6]s
`, APIServer, encode(ca), name, encode(certificate), encode(key), c.name)
	return os.WriteFile(c.path(name+".kubeconfig"), []byte(text), 0o600)
}
