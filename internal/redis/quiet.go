//go:build quiet

package redis

import (
	"context"
	"time"

	"keepalived-redis/internal/whole"
)

// Conn is a connection for commands, which a quiet check has not.
type Conn struct{}

// Open hands over: a command is a deed.
func Open(Target, Limits) *Conn { return open(Target{}, Limits{}, nil) }

func open(Target, Limits, dialer) *Conn {
	whole.Run()
	return nil
}

// look would speak TLS.
func look(_ context.Context, c *Conn) Look {
	whole.Run()
	return Look{}
}

// lookTwice would speak TLS.
func lookTwice(_ context.Context, l Look, _ Limits) Look {
	whole.Run()
	return l
}

// stateOfTLS: no error is one of TLS where nobody speaks it.
func stateOfTLS(error) State { return Unseen }

// What asks through a Conn never gets one.

func (*Conn) Close() {}

func (*Conn) Do(context.Context, ...any) (string, error) { return "", nil }

func (*Conn) MinReplicas(context.Context) (string, error) { return "", nil }

func (*Conn) NodeTimeout(context.Context) (time.Duration, error) { return 0, nil }

func (*Conn) Watched(context.Context) (bool, error) { return false, nil }
