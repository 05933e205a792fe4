package reason

import "keepalived-redis/internal/model"

// states are the reasons that an instance's state is.
var states = [...]model.Reason{model.Unseen: "unseen", model.Up: "up", model.Refused: "refused", model.Silent: "silent", model.Stalled: "stalled",
	model.Dropped: "dropped", model.Loading: "loading", model.Busy: "busy", model.Misconf: "misconf", model.NoAuth: "no-auth",
	model.WrongPassword: "wrong-password", model.NoPerm: "no-perm", model.Denied: "denied", model.TooManyClients: "too-many-clients",
	model.MasterDown: "not-linked", model.OtherError: "other-error", model.NotRedis: "not-redis", model.Working: "working",
	model.NoTLS: "no-tls", model.WantsTLS: "wants-tls", model.UnknownCA: "unknown-ca", model.ExpiredCert: "expired-cert", model.BadName: "bad-name",
	model.WantsCert: "wants-cert", model.RefusesCert: "refuses-cert", model.OtherTLS: "other-tls"}

// Of is the reason that a state of an instance is.
func Of(s model.State) model.Reason { return states[s] }

// stateOf is the state that a reason is.
func stateOf(r model.Reason) (model.State, bool) {
	for s, of := range states {
		if of == r {
			return model.State(s), true
		}
	}
	return model.Unseen, false
}
