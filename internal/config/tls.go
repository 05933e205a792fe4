package config

import (
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

	credentials
}

// tlsDraft is the table [tls] and what has been read for it.
type tlsDraft struct {
	enabled, ca, cert, key, serverName string
	read                               tlsRead
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
