package host

import (
	"encoding/json"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Spec is what a host is told at its boot.
type Spec struct {
	// Name is the host name.
	Name string
	// Dir holds what outlives a boot: etc, libexec, redis, state, log. The subdirectory root is the mount point.
	Dir string
	// BootID is what /proc/sys/kernel/random/boot_id says in there.
	BootID string
	// VIP is the address whose coming and going is reported.
	VIP string
	// Watch are the addresses of the local instances whose roles are reported.
	Watch []string
}

// Kinds of events that a host reports.
const (
	// EventExit: the process Pid that was started by the lab has ended with Code (128 + signal when killed).
	EventExit = "exit"
	// EventLog: a line came in on /dev/log.
	EventLog = "log"
	// EventVIP: the VIP has come (Present) or gone.
	EventVIP = "vip"
	// EventRole: the instance Addr now is in the role Text: master, replica, replica-link-down, loading, hung or down.
	EventRole = "role"
	// EventGone: the host's first process is gone; nothing comes after it.
	EventGone = "gone"
)

// Event is something that happened on a host.
type Event struct {
	Kind    string `json:"kind"`
	At      Mono   `json:"at"`
	Pid     int    `json:"pid,omitempty"`
	Code    int    `json:"code,omitempty"`
	Present bool   `json:"present,omitempty"`
	Addr    string `json:"addr,omitempty"`
	// Program and Text are those of a log line.
	Program string `json:"program,omitempty"`
	Text    string `json:"text,omitempty"`
}

// request is what the lab asks of a host. Up to three files ride along: standard input, output and error of a start.
type request struct {
	ID   int      `json:"id"`
	Op   string   `json:"op"`
	Argv []string `json:"argv,omitempty"`
	Env  []string `json:"env,omitempty"`
	Pid  int      `json:"pid,omitempty"`
	Sig  int      `json:"sig,omitempty"`
	Text string   `json:"text,omitempty"`
}

// reply answers the request with the same ID; a packet with ID 0 carries an event.
type reply struct {
	ID    int     `json:"id,omitempty"`
	Err   string  `json:"err,omitempty"`
	Pid   int     `json:"pid,omitempty"`
	Procs []Proc  `json:"procs,omitempty"`
	Event *Event  `json:"event,omitempty"`
	Boot  *string `json:"boot,omitempty"`
}

// Proc is a process of a host.
type Proc struct {
	Pid, Parent int
	// State is its main thread's in /proc: R, S, D, T and the like; empty if it ended while we looked.
	State string
	Argv  []string
}

// maxPacket bounds one packet; log lines are cut far below it.
const maxPacket = 128 << 10

// send writes one packet, with files riding along.
func send(c *net.UnixConn, v any, files ...int) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode packet: %w", err)
	}
	var oob []byte
	if len(files) > 0 {
		oob = unix.UnixRights(files...)
	}
	_, _, err = c.WriteMsgUnix(data, oob, nil)
	return err
}

// receive reads one packet into v and returns the files that came with it.
func receive(c *net.UnixConn, buf []byte, v any) ([]int, error) {
	oob := make([]byte, unix.CmsgSpace(3*4))
	n, oobn, _, _, err := c.ReadMsgUnix(buf, oob)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, net.ErrClosed
	}
	var files []int
	if oobn > 0 {
		msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			return nil, fmt.Errorf("read files of a packet: %w", err)
		}
		for _, m := range msgs {
			if f, err := unix.ParseUnixRights(&m); err == nil {
				files = append(files, f...)
			}
		}
	}
	if err := json.Unmarshal(buf[:n], v); err != nil {
		return files, fmt.Errorf("decode packet: %w", err)
	}
	return files, nil
}
