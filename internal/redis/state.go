package redis

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"keepalived-redis/internal/model"
)

// connError marks an error of the dial, so that silence is told from a server that does not answer.
type connError struct{ error }

func (e connError) Unwrap() error { return e.error }

// replies are prefixes of error replies. ERR lines are compared in full length because 3.2.4 has no codes for them.
var replies = []struct {
	prefix string
	state  model.State
}{
	{"LOADING ", model.Loading}, {"BUSY ", model.Busy}, {"MISCONF ", model.Misconf}, {"NOAUTH ", model.NoAuth}, {"WRONGPASS ", model.WrongPassword},
	{"NOPERM ", model.NoPerm}, {"DENIED ", model.Denied}, {"MASTERDOWN ", model.MasterDown}, {"ERR max number of clients", model.TooManyClients},
	{"ERR invalid password", model.WrongPassword}, {"ERR operation not permitted", model.NoAuth},
	{"ERR Client sent AUTH, but no password is set", model.WrongPassword}, {"ERR AUTH <password> called without any password", model.WrongPassword},
	{"ERR wrong number of arguments for 'auth'", model.WrongPassword}, {"ERR max clients", model.TooManyClients},
}

// stateOf is what an error reply of Redis says of the server.
func stateOf(text string) model.State {
	for _, r := range replies {
		if strings.HasPrefix(text, r.prefix) {
			return r.state
		}
	}
	return model.OtherError
}

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

// Classify tells what an error of a look means. nil is Up.
func Classify(err error) model.State {
	if err == nil {
		return model.Up
	}
	var dial connError
	if errors.As(err, &dial) {
		return dialled(err)
	}
	var reply marked
	if errors.As(err, &reply) && !strings.HasPrefix(reply.Error(), "redis: ") {
		return stateOf(reply.Error())
	}
	if s := stateOfTLS(err); s != model.Unseen {
		return s
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return model.Unseen
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return model.Stalled
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return model.Dropped
	}
	return model.NotRedis
}

// ours are the errors of a dial that come from this host: they must not make a living peer a silent one. fs.ErrPermission is EACCES and EPERM, our
// want of permission: SELinux, a rule of routing that prohibits, or netfilter.
var ours = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, fs.ErrPermission}

// OfThisHost: an error of a socket says that this host has not sent anything, and nothing of who was to get it.
func OfThisHost(err error) bool {
	return slices.ContainsFunc(ours, func(e error) bool { return errors.Is(err, e) })
}

// dialled tells what an error of the dial means.
func dialled(err error) model.State {
	var op *net.OpError
	socket := errors.As(err, &op) && op.Net == "unix"
	switch {
	case OfThisHost(err):
		return model.Unseen
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return model.Refused
	case socket && errors.Is(err, syscall.EAGAIN): // its queue is full: it does not accept any more
		return model.Stalled
	}
	return model.Silent
}
