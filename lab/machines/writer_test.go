package machines_test

import (
	"bytes"
	"net/netip"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// writer is a write probe on the lab's side of the switch.
type writer struct {
	p    *pair
	cmd  *exec.Cmd
	errs bytes.Buffer
	done chan error

	mu     sync.Mutex
	acked  map[string]host.Mono // the last acknowledgement of each range
	silent map[string]bool
	ended  *probe.Result
}

// write starts to write to all slots, and waits until every range has been acknowledged.
func (p *pair) write() *writer {
	p.Helper()
	opts := probe.Options{Source: "client", Mode: probe.Cluster, VIP: netip.MustParseAddr(lab.VIP)}
	for _, b := range p.hosts {
		for _, port := range b.ports {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				p.Fatal(err)
			}
			opts.Ports = append(opts.Ports, uint16(n))
		}
	}
	w := &writer{p: p, done: make(chan error, 1), acked: map[string]host.Mono{}, silent: map[string]bool{}}
	w.cmd = exec.Command("/proc/self/exe", append([]string{"probe"}, opts.Args()...)...)
	w.cmd.Stderr = &w.errs
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		p.Fatal(err)
	}
	go func() { w.done <- probe.Decode(out, w.add) }()
	w.awaitWritable(host.Now())
	return w
}

func (w *writer) add(e probe.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range e.Ranges {
		w.acked[r.Name] = 0
	}
	switch e.Kind {
	case probe.Acks:
		if n := len(e.Acks); n > 0 {
			w.acked[e.Range] = e.Acks[n-1]
		}
	case probe.Silent, probe.Back:
		w.silent[e.Range] = e.Kind == probe.Silent
	case probe.Ended:
		w.ended = e.Result
	}
}

// awaitWritable waits until every range has been acknowledged after an instant.
func (w *writer) awaitWritable(after host.Mono) {
	w.p.Helper()
	w.p.await("every slot to be writable", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for name, at := range w.acked {
			if at <= after || w.silent[name] {
				return false
			}
		}
		return len(w.acked) > 0
	})
}

// finish stops writing, and gives what became of all that was acknowledged.
func (w *writer) finish() probe.Result {
	w.p.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.p.Fatal(err)
	}
	decoded := <-w.done
	if err := w.cmd.Wait(); err != nil || decoded != nil || w.ended == nil {
		w.p.Fatalf("the writer: %v, %v: %s", err, decoded, w.errs.String())
	}
	w.p.Logf("%d writes were acknowledged, %d of them are lost, %d could not be read back; the worst gap was %s",
		w.ended.Acked, w.ended.Lost+w.ended.Wrong, w.ended.Unread, w.ended.WorstGap)
	return *w.ended
}

// finishWhole does the same where nothing may be lost.
func (w *writer) finishWhole() {
	w.p.Helper()
	if r := w.finish(); r.Lost+r.Wrong+r.Unread > 0 || r.Acked == 0 {
		w.p.Errorf("of %d acknowledged writes %d are lost, %d could not be read back", r.Acked, r.Lost+r.Wrong, r.Unread)
	}
}
