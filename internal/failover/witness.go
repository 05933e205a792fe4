package failover

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// witnessTimeout bounds one question to the witness.
const witnessTimeout = 50 * time.Millisecond

// defaultGateway reads the IPv4 default route from /proc/net/route.
func defaultGateway() (netip.Addr, bool) {
	b, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return netip.Addr{}, false
	}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		raw, err := hex.DecodeString(f[2])
		if err != nil || len(raw) != 4 || binary.LittleEndian.Uint32(raw) == 0 {
			continue
		}
		return netip.AddrFrom4([4]byte{raw[3], raw[2], raw[1], raw[0]}), true
	}
	return netip.Addr{}, false
}

// defaultWitnesses is the default gateway. A box whose network is torn down with its carrier, as NetworkManager does, has no
// default route any more just when it is cut off: then it is whatever gateway answered before.
func defaultWitnesses(answered map[string]bool) []netip.Addr {
	if gw, ok := gateway(); ok {
		return []netip.Addr{gw}
	}
	var before []netip.Addr
	for name := range answered {
		if a, err := netip.ParseAddr(name); err == nil {
			before = append(before, a)
		}
	}
	slices.SortFunc(before, netip.Addr.Compare)
	return before
}

// gateway is swapped in tests.
var gateway = defaultGateway

// answersAll asks side by side.
func answersAll(ctx context.Context, addrs []netip.Addr) []bool {
	ok := make([]bool, len(addrs))
	if len(addrs) == 1 {
		ok[0] = answers(ctx, addrs[0])
		return ok
	}
	var wg sync.WaitGroup
	for i, a := range addrs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			ok[i] = answers(ctx, a)
		}()
	}
	wg.Wait()
	return ok
}

// answers asks an address by ICMP echo where that is permitted, else by a TCP dial, to which a refusal is an answer.
func answers(ctx context.Context, a netip.Addr) bool {
	ctx, cancel := context.WithTimeout(ctx, witnessTimeout)
	defer cancel()
	ok, err := echo(ctx, a)
	if err == nil {
		return ok
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(a, 80).String())
	if err == nil {
		c.Close()
	}
	return err == nil || errors.Is(err, syscall.ECONNREFUSED)
}

// echo sends one ICMP echo request (RFC 792, RFC 4443) and waits for its reply. An error means that it could not ask.
func echo(ctx context.Context, a netip.Addr) (bool, error) {
	// By number: net would read /etc/protocols for the name.
	network, request, reply := "ip4:1", byte(8), byte(0)
	if a.Is6() {
		network, request, reply = "ip6:58", 128, 129
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, a.String())
	if err != nil {
		return false, err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return false, err
	}
	msg := make([]byte, 16)
	msg[0] = request
	binary.BigEndian.PutUint16(msg[4:], uint16(os.Getpid()))
	binary.BigEndian.PutUint64(msg[8:], uint64(time.Now().UnixNano()))
	if a.Is4() { // the kernel adds the sum for IPv6
		binary.BigEndian.PutUint16(msg[2:], checksum(msg))
	}
	if _, err := c.Write(msg); err != nil {
		return false, nil // no route: silent, not unable
	}
	buf := make([]byte, 256)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return false, nil
		}
		got := buf[:n]
		if a.Is4() && n > 0 { // a raw IPv4 socket hands up the IP header as well
			got = got[min(n, int(got[0]&0x0f)*4):]
		}
		if len(got) >= 16 && got[0] == reply && string(got[4:6]) == string(msg[4:6]) && string(got[8:16]) == string(msg[8:]) {
			return true, nil
		}
	}
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
