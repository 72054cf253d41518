package harness

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Certificate is a key pair with its chain.
type Certificate struct {
	Leaf     *x509.Certificate
	ChainPEM []byte
	KeyPEM   []byte

	key    crypto.Signer
	root   bool
	issuer *Certificate
}

// CertificateSpec says what to make: Key is "ecdsa" (or "") or "rsa".
type CertificateSpec struct {
	DNSNames []string
	Key      string
	CA       bool
	SignedBy *Certificate
	NotAfter time.Time
}

// NewCertificate makes a certificate, self-signed unless SignedBy is set. The chain holds everything but the root.
func NewCertificate(t testing.TB, spec CertificateSpec) *Certificate {
	t.Helper()
	certificate, err := MakeCertificate(spec)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// MakeCertificate is NewCertificate without a test.
func MakeCertificate(spec CertificateSpec) (*Certificate, error) {
	var key crypto.Signer
	var err error
	if spec.Key == "rsa" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "portreeve e2e " + serial.Text(36)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(240 * time.Hour),
		DNSNames:              spec.DNSNames,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if !spec.NotAfter.IsZero() {
		template.NotAfter = spec.NotAfter
		template.NotBefore = spec.NotAfter.Add(-time.Hour)
	}
	if spec.CA {
		template.IsCA = true
		template.KeyUsage |= x509.KeyUsageCertSign
		template.ExtKeyUsage = nil
	}
	parent, signer := template, key
	if spec.SignedBy != nil {
		parent, signer = spec.SignedBy.Leaf, spec.SignedBy.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	c := &Certificate{Leaf: leaf, key: key, root: spec.SignedBy == nil, issuer: spec.SignedBy}
	c.KeyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	for link := c; link != nil; link = link.issuer {
		if link.root && link != c {
			break
		}
		c.ChainPEM = append(c.ChainPEM, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: link.Leaf.Raw})...)
	}
	return c, nil
}

// CrtBase64 is the chain as a Secret holds it.
func (c *Certificate) CrtBase64() string { return base64.StdEncoding.EncodeToString(c.ChainPEM) }

// KeyBase64 is the key as a Secret holds it.
func (c *Certificate) KeyBase64() string { return base64.StdEncoding.EncodeToString(c.KeyPEM) }

// Pool holds this certificate as the only root.
func (c *Certificate) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.Leaf)
	return pool
}
