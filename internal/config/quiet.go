//go:build quiet

package config

import "keepalived-redis/internal/whole"

// A quiet check reads no certificates.
type (
	credentials struct{}
	tlsRead     struct{}
)

func (d *draft) inspectTLS() { whole.Run() }

func (d *draft) tlsFor(RedisConf) *TLS {
	whole.Run()
	return nil
}
