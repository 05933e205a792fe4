package model

// State is what one look at an instance found. It is the only place where replies are told apart by their text: Redis
// gives nothing else, and the words are those of 3.2.4 to 8 and of Valkey.
type State int

const (
	// Unseen: nobody looked, or nobody could: our time was over, or this host has no file, port or right left for it. That
	// says nothing of the instance.
	Unseen State = iota
	// Up: PONG.
	Up
	// Refused: the connection was refused, or the socket is missing. No process listens.
	Refused
	// Silent: no SYN answered and no refusal.
	Silent
	// Stalled: the SYN was answered, but no reply came in time (stopped, swapping, out of CPU).
	Stalled
	// Dropped: the connection was closed before a reply came.
	Dropped
	// Loading: -LOADING, the data set is being read.
	Loading
	// Busy: -BUSY, a script runs.
	Busy
	// Working: as Stalled, but /proc shows that its process works: a long command, a fork, a write to a slow disk. Only an instance's own
	// host can tell.
	Working
	// Misconf: -MISCONF, a master that cannot write to its disk.
	Misconf
	// NoAuth: a password is needed and none is set.
	NoAuth
	// WrongPassword: the password or user name is refused.
	WrongPassword
	// NoPerm: -NOPERM, the user may not ask this.
	NoPerm
	// Denied: -DENIED, protected mode.
	Denied
	// TooManyClients: maxclients is reached.
	TooManyClients
	// MasterDown: -MASTERDOWN, a replica that serves no stale data.
	MasterDown
	// OtherError: an error reply with words that we do not know; Redis lives.
	OtherError
	// NoTLS: we speak TLS, and it answers as Redis does in the clear.
	NoTLS
	// WantsTLS: we do not speak TLS, and it answers by an alert of TLS.
	WantsTLS
	// UnknownCA: its certificate is of an authority that we do not know, or not fit for a server.
	UnknownCA
	// ExpiredCert: its certificate is not valid now, by the clock of this host.
	ExpiredCert
	// BadName: its certificate is not for the name that we expect.
	BadName
	// WantsCert: it wants a client certificate, and we have none.
	WantsCert
	// RefusesCert: it refuses our client certificate.
	RefusesCert
	// OtherTLS: TLS cannot begin, for another reason; it lives.
	OtherTLS
	// NotRedis: something answers that does not speak Redis' protocol.
	NotRedis
)

var StateWords = [...]string{
	"was not looked at", "is up", "refuses connections", "is silent", "accepts connections but does not answer",
	"closes the connection", "is loading its data set", "is busy with a script", "is busy and does not answer", "cannot write to its disk",
	"asks for a password", "refuses our password", "does not permit our user to ask", "denies us by protected mode",
	"has too many clients", "is up, its master is down", "answers an error",
	"does not speak TLS", "speaks TLS only", "shows a certificate of an authority that we do not know", "shows a certificate that is not valid today",
	"shows a certificate for another name", "asks for a client certificate", "refuses our client certificate", "cannot agree on TLS with us", "is not a Redis",
}

// String is the state as a predicate: it stands behind an instance's name.
func (s State) String() string { return StateWords[s] }

// Alive: a reply of Redis came, also an error; or it is at work, and one will come.
func (s State) Alive() bool {
	switch s {
	case Unseen, Refused, Silent, Stalled, Dropped, NotRedis:
		return false
	}
	return true
}

// Serves: it can act as a master for a switchover: PONG or MISCONF.
func (s State) Serves() bool { return s == Up || s == Misconf }
