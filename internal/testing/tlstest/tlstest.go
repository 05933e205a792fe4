// Package tlstest makes certificates for tests, as PEM files.
package tlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority issues certificates into a directory.
type Authority struct {
	// File is its own certificate.
	File string
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Template is a certificate that is valid now, for servers and for clients, of these names and addresses. Change it at will.
func Template(names ...string) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "keepalived-redis test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	return t
}

// Expired is Template, but it was valid until an hour ago.
func Expired(names ...string) *x509.Certificate {
	t := Template(names...)
	t.NotBefore, t.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	return t
}

// New makes an authority; its certificate is NAME.crt in the directory, readable by all.
func New(dir, name string, t *x509.Certificate) (*Authority, error) {
	t.IsCA, t.BasicConstraintsValid, t.ExtKeyUsage = true, true, nil
	t.KeyUsage |= x509.KeyUsageCertSign
	t.Subject.CommonName = name
	a := &Authority{dir: dir}
	var err error
	a.File, _, err = a.Issue(name, t)
	return a, err
}

// Issue makes NAME.crt, readable by all, and NAME.key, mode 0600.
func (a *Authority) Issue(name string, t *x509.Certificate) (cert, key string, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	if a.key == nil { // its own
		a.cert, a.key = t, own
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, own.Public(), a.key)
	if err != nil {
		return "", "", fmt.Errorf("make certificate %s: %w", name, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return "", "", fmt.Errorf("write key %s: %w", name, err)
	}
	cert, key = filepath.Join(a.dir, name+".crt"), filepath.Join(a.dir, name+".key")
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return "", "", err
	}
	return cert, key, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}
