package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
)

// The values of tls.enabled.
const (
	tlsAuto   = "auto"
	tlsAlways = "true"
	tlsNever  = "false"
)

// TLS is what a connection with TLS needs. It formats as the names of its files; the key is never shown.
type TLS struct {
	// CA, Cert and Key are the files it was read from; empty where there is none, and then the system's authorities are
	// trusted, or no certificate is shown.
	CA, Cert, Key string
	// ServerName is the name that the server's certificate must have; empty means any name of an authority in CA.
	ServerName string

	// What was read from the files.
	roots *x509.CertPool
	cert  *tls.Certificate
}

// tlsDraft is the table [tls] and what has been read for it. A file that is broken is there as well, as an empty pool or a nil
// certificate, so that each one is read and complained of once.
type tlsDraft struct {
	enabled, ca, cert, key, serverName string
	pools                              map[string]*x509.CertPool
	certs                              map[string]*tls.Certificate
}

// checkTLS refuses half a client certificate.
func (d *draft) checkTLS() {
	for _, k := range [...]struct{ name, value, other, missing string }{
		{"cert", d.tls.cert, d.tls.key, `key = "/etc/keepalived/redis.key"`}, {"key", d.tls.key, d.tls.cert, `cert = "/etc/keepalived/redis.crt"`},
	} {
		if p, set := d.placeOf("tls", k.name); set && k.value != "" && k.other == "" {
			d.fail(p, "is half of a client certificate", "name the other half as well, as in "+k.missing+", or remove the line", nil)
		}
	}
	if d.tls.cert == "" || d.tls.key == "" {
		d.tls.cert, d.tls.key = "", ""
	}
}

// usesTLS tells whether the instance is spoken to with TLS: over its port, not over its socket.
func (d *draft) usesTLS(i Instance, conf RedisConf) bool {
	if i.Socket != "" || d.tls.enabled != tlsAuto {
		return i.Socket == "" && d.tls.enabled == tlsAlways
	}
	port := strconv.Itoa(int(i.Port))
	secure, _ := conf.Get("tls-port")
	plain, _ := conf.Get("port")
	return secure == port && plain != port
}

// path is the file that a directive names; redis-server takes a relative one from its directory.
func (c RedisConf) path(name string) string {
	file, _ := c.Get(name)
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	dir, _ := c.Get("dir")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(c.File), dir)
	}
	return filepath.Join(dir, file)
}

// Client is the configuration of a dial to an address.
func (t *TLS) Client(addr netip.Addr) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.roots, ServerName: t.ServerName}
	if t.cert != nil {
		// Shown whatever authorities the server names: what it does not like it says, and that is a sentence of ours.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.cert, nil }
	}
	switch {
	case t.ServerName != "":
	case t.CA == "":
		c.ServerName = addr.WithZone("").String() // the whole world has certificates of the system's authorities
	default:
		// Certificates of Redis seldom have the address in them, and neither redis-cli nor a replica asks for a name.
		c.InsecureSkipVerify = true // checked by VerifyConnection, but for the name
		c.VerifyConnection = t.verify
	}
	return c
}

// Shows tells whether there is a client certificate to show.
func (t *TLS) Shows() bool { return t.cert != nil }

// verify checks that the server's certificate comes from an authority in CA and is valid today.
func (t *TLS) verify(s tls.ConnectionState) error {
	o := x509.VerifyOptions{Roots: t.roots, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(o)
	return err
}

// inspectTLS reads the files of [tls] also where no instance needs them yet.
func (d *draft) inspectTLS() {
	if d.tls.ca != "" {
		d.readPool(d.tls.ca, "")
	}
	if d.tls.cert != "" {
		d.readCert(d.tls.cert, d.tls.key, "")
	}
}

// tlsFor reads what a connection to an instance needs: the files of [tls] first, its own after them. Nothing is read where no
// instance speaks TLS: that would be most of the time of a check.
func (d *draft) tlsFor(conf RedisConf) *TLS {
	t := TLS{CA: d.tls.ca, Cert: d.tls.cert, Key: d.tls.key, ServerName: d.tls.serverName}
	ownCA, ownCert := "", ""
	if t.CA == "" {
		if t.CA = conf.path("tls-ca-cert-file"); t.CA != "" {
			ownCA = "tls-ca-cert-file of " + conf.File
		} else if _, ok := conf.Get("tls-ca-cert-dir"); ok {
			d.warn(fmt.Sprintf("tls-ca-cert-dir of %s is not read; hint: name one file of certificates, as in ca = \"/etc/redis/tls/ca.crt\" below [tls]", conf.File))
		}
	}
	if asks, _ := conf.Get("tls-auth-clients"); t.Cert == "" && asks != "no" {
		for _, name := range [...]string{"tls-client-", "tls-"} {
			if t.Cert, t.Key = conf.path(name+"cert-file"), conf.path(name+"key-file"); t.Cert != "" && t.Key != "" {
				ownCert = name + "cert-file of " + conf.File
				break
			}
		}
	}
	if t.CA != "" {
		t.roots = d.readPool(t.CA, ownCA)
	}
	if t.Cert != "" && t.Key != "" {
		t.cert = d.readCert(t.Cert, t.Key, ownCert)
	}
	return &t
}
