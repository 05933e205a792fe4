// Package nettest gives a test a network of its own: a network namespace, of which nothing is left when the test ends.
package nettest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inside is set in the process that stands in the namespace.
const inside = "NETTEST_INSIDE"

// done is what that process prints when body has run; a test that was not found would pass without.
const done = "nettest: body has run in "

// Run runs the test that calls it once more, in a process of its own, in which nothing but a loopback is there, and body. In the caller's own
// process body does not run.
func Run(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv(inside) != "" {
		IP(t, "link set lo up")
		body(t)
		fmt.Println(done + t.Name())
		return
	}
	// Either way it is root of that network.
	namespaces := "-rn"
	if os.Geteuid() == 0 {
		namespaces = "-n"
	}
	var pattern []string
	for _, part := range strings.Split(t.Name(), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(part)+"$")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "unshare", namespaces, os.Args[0], "-test.run="+strings.Join(pattern, "/"), "-test.v")
	c.Env = append(os.Environ(), inside+"=1")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), done+t.Name()+"\n") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// IP changes the network, in the words of ip(8).
func IP(t *testing.T, words string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", words, err, out)
	}
}

// Neighbours makes a network 10.9.0.0/24, in which this host is 10.9.0.1 and nobody else is there.
func Neighbours(t *testing.T) {
	t.Helper()
	IP(t, "link add v0 type veth peer name v1")
	IP(t, "link set v0 up")
	IP(t, "link set v1 up")
	IP(t, "addr add 10.9.0.1/24 dev v0")
}

// DropOutput lets netfilter drop whatever this host sends, as "iptables -P OUTPUT DROP" does. It needs no program for that.
// https://docs.kernel.org/userspace-api/netlink/intro.html
func DropOutput(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const nft = unix.NFNL_SUBSYS_NFTABLES
	hook := append(attribute(unix.NFTA_HOOK_HOOKNUM, number(unix.NF_INET_LOCAL_OUT)), attribute(unix.NFTA_HOOK_PRIORITY, number(0))...)
	chain := append(attribute(unix.NFTA_CHAIN_TABLE, text("t")), attribute(unix.NFTA_CHAIN_NAME, text("out"))...)
	chain = append(chain, attribute(unix.NFTA_CHAIN_HOOK|unix.NLA_F_NESTED, hook)...)
	chain = append(chain, attribute(unix.NFTA_CHAIN_POLICY, number(0))...) // NF_DROP
	chain = append(chain, attribute(unix.NFTA_CHAIN_TYPE, text("filter"))...)
	batch := message(unix.NFNL_MSG_BATCH_BEGIN, 0, nft, nil)
	batch = append(batch, message(nft<<8|unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, 0, attribute(unix.NFTA_TABLE_NAME, text("t")))...)
	batch = append(batch, message(nft<<8|unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE|unix.NLM_F_ACK, 0, chain)...)
	batch = append(batch, message(unix.NFNL_MSG_BATCH_END, 0, nft, nil)...)
	if err := unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, err := unix.Read(fd, answer)
	if err == nil && n >= 20 {
		if code := int32(binary.NativeEndian.Uint32(answer[16:])); code != 0 {
			err = unix.Errno(-code)
		}
	} else if err == nil {
		err = errors.New("a short answer")
	}
	if err != nil {
		t.Fatalf("drop what is sent: %v; hint: the kernel needs nf_tables", err)
	}
}

// message is one of netlink, to NFPROTO_INET.
func message(kind, flags int, resource uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(20+len(body)))
	b = binary.NativeEndian.AppendUint16(b, uint16(kind))
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.NLM_F_REQUEST|flags))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, unix.NFPROTO_INET, 0)
	return append(binary.BigEndian.AppendUint16(b, resource), body...)
}

func attribute(kind int, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, uint16(kind)), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func text(s string) []byte { return append([]byte(s), 0) }
