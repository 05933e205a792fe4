// Package redis speaks with redis-server from 3.2.4 on, and Valkey. It is the only importer of go-redis.
package redis

import (
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
)

// Target is where an instance listens and how to get in.
type Target struct {
	model.Instance
	Username, Password string
	// TLS is nil for a connection in the clear. Not for sockets.
	TLS *config.TLS
	// Paired: it is one of a master and its replica outside a cluster, so a look asks for its term as well.
	Paired bool
}

// Limits bound one connection.
type Limits struct {
	// Dial bounds the attempt to connect.
	Dial time.Duration
	// Reply bounds the wait for an answer.
	Reply time.Duration
}
