package model

import "net/netip"

// Instance is one redis-server, by where it listens. Its zero value is none. It is comparable, and two sockets are two instances.
type Instance struct {
	// Addr is its address; not valid where only a socket is known.
	Addr netip.AddrPort
	// Socket is the path of a unix socket; it wins over Addr.
	Socket string
}

// At is the instance of an address.
func At(a netip.AddrPort) Instance { return Instance{Addr: a} }

// Name is how people know the instance: its socket, or its address.
func (i Instance) Name() string {
	if i.Socket != "" {
		return i.Socket
	}
	return i.Addr.String()
}

// String is its name.
func (i Instance) String() string { return i.Name() }

// Known: it is one.
func (i Instance) Known() bool { return i.Socket != "" || i.Addr.IsValid() }

// MarshalText is the name, for the state files.
func (i Instance) MarshalText() ([]byte, error) {
	if !i.Known() {
		return nil, nil
	}
	return []byte(i.Name()), nil
}

// UnmarshalText reads a name: the path of a socket, or an address.
func (i *Instance) UnmarshalText(text []byte) (err error) {
	*i = Instance{}
	switch {
	case len(text) == 0:
	case text[0] == '/':
		i.Socket = string(text)
	default:
		i.Addr, err = netip.ParseAddrPort(string(text))
	}
	return err
}
