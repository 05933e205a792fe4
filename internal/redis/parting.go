package redis

import "keepalived-redis/internal/model"

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
