package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// readPool reads a file of authorities. own says which directive of an instance's own configuration names it; empty means
// the key tls.ca. A broken file is an empty pool: nothing is trusted then, and least of all the whole world.
func (d *draft) readPool(file, own string) *x509.CertPool {
	if pool, seen := d.tls.pools[file]; seen {
		return pool
	}
	pool := x509.NewCertPool()
	certs, bad := readCertificates(file)
	for _, c := range certs {
		pool.AddCert(c)
	}
	if bad == nil {
		bad = outOfDate(certs)
	}
	d.tls.pools[file] = pool
	d.complain("ca", file, own, bad)
	return pool
}

// readCert reads a client certificate and its key; nil when they are broken. own is as for readPool.
func (d *draft) readCert(file, key, own string) *tls.Certificate {
	if cert, seen := d.tls.certs[file]; seen {
		return cert
	}
	d.tls.certs[file] = nil
	certs, bad := readCertificates(file)
	if bad == nil {
		bad = outOfDate(certs[:1])
	}
	if bad != nil {
		d.complain("cert", file, own, bad)
		return nil
	}
	// Whose key it is that an instance's own configuration names is the instance's affair.
	text, bad := readKey(key, own == "")
	if bad != nil {
		d.complain("key", key, own, bad)
		return nil
	}
	var all []byte
	for _, c := range certs {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	cert, err := tls.X509KeyPair(all, []byte(text))
	if err != nil {
		d.complain("key", key, own, &flaw{"is not the key of " + file, "name the key that the certificate was made with", nil})
		return nil
	}
	d.tls.certs[file] = &cert
	return &cert
}

// complain tells what is wrong with a file: an error of the key below [tls] that names it, a warning where an instance's own
// configuration does. The account of the check may not read Redis' keys on most systems; that alone is a note.
func (d *draft) complain(name, file, own string, bad *flaw) {
	if bad == nil {
		return
	}
	p, _ := d.placeOf("tls", name)
	tell := d.warn
	if errors.Is(bad.cause, fs.ErrPermission) {
		tell = d.note
	}
	switch text := file + " " + bad.text; {
	case own != "":
		tell(fmt.Sprintf("%s: %s; hint: %s, or set %s below [tls]", own, text, bad.hint, name))
	case d.lenient:
		d.warn(fmt.Sprintf("tls.%s %s; hint: %s", name, text, bad.hint))
	default:
		d.fail(p, text, bad.hint, bad.cause)
	}
}

// readCertificates reads the certificates of a PEM file: at least one.
func readCertificates(file string) ([]*x509.Certificate, *flaw) {
	text, err := readText(file)
	if err != nil {
		return nil, unreadable(err)
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &flaw{"holds a certificate that cannot be read", "make it again; openssl x509 -in " + file + " -text shows what openssl makes of it", err}
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, &flaw{"holds no certificate", "it must be PEM, with a line -----BEGIN CERTIFICATE-----", nil}
	}
	return all, nil
}

// outOfDate tells when none of the certificates is valid now.
func outOfDate(certs []*x509.Certificate) *flaw {
	var bad *flaw
	for _, c := range certs {
		switch now := time.Now(); {
		case now.After(c.NotAfter):
			bad = &flaw{"expired on " + c.NotAfter.Format(time.DateOnly), "renew it", nil}
		case now.Before(c.NotBefore):
			bad = &flaw{"is not valid before " + c.NotBefore.Format(time.DateOnly), "check the clock of this host", nil}
		default:
			return nil
		}
	}
	return bad
}

// readKey reads a private key; ours must be for nobody else's eyes. What it returns is a secret.
func readKey(file string, ours bool) (string, *flaw) {
	text, err := readText(file)
	if err != nil {
		return "", unreadable(err)
	}
	if bad := exposed(file); ours && bad != nil {
		return "", bad
	}
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return "", &flaw{"is locked by a passphrase", "write it without one: openssl pkey -in " + file, nil}
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return text, nil
		}
	}
	return "", &flaw{"holds no private key", "it must be PEM, with a line -----BEGIN PRIVATE KEY-----", nil}
}

// unreadable is why a file was not read.
func unreadable(err error) *flaw {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &flaw{"is not there", "correct the path", err}
	case errors.Is(err, fs.ErrPermission):
		return &flaw{"cannot be read by " + userName(), "let the user that runs keepalived's scripts read it", err}
	}
	return &flaw{"cannot be read: " + cause(err).Error(), "check the path", err}
}
