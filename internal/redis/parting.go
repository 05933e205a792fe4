package redis

import (
	"errors"

	"keepalived-redis/internal/model"
)

// The bounds of one answer. INFO and CLUSTER NODES of a thousand nodes with their slots in shreds stay below 1 MiB.
const (
	maxAnswer   = 4 << 20
	maxLine     = 64 << 10
	maxElements = 64 << 10
)

// errTooLarge: what answers is no Redis, or not one that we can speak with.
var errTooLarge = errors.New("the answer is larger than any of Redis")

// parting is what a server that hung up had said at first, for the two sentences after which Redis always does, and for an
// alert of TLS, which it is that a server with TLS has for a connection without. Unseen is anything else.
func parting(first []byte) model.State {
	const alert, version = 0x15, 0x03
	switch {
	case len(first) > 1 && first[0] == alert && first[1] == version:
		return model.WantsTLS
	case len(first) == 0 || first[0] != '-':
		return model.Unseen
	}
	if s := stateOf(string(first[1:min(len(first), 64)])); s == model.TooManyClients || s == model.Denied {
		return s
	}
	return model.Unseen
}
