package storm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

// askLimit bounds a command that a fault sends to an instance.
const askLimit = 500 * time.Millisecond

func killRedis(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	return signalRedis(syscall.SIGKILL)(ctx, s, b, f)
}

// signalRedis signals the process of an instance, if there is one.
func signalRedis(sig syscall.Signal) func(context.Context, *Storm, *lab.Host, Fault) error {
	return func(ctx context.Context, _ *Storm, b *lab.Host, f Fault) error {
		pid, err := b.RedisPid(ctx, b.Ports[f.Instance])
		if err != nil {
			return fmt.Errorf("%w: %w", errNobody, err)
		}
		return b.Host().Signal(ctx, pid, sig)
	}
}

// signalKeepalived signals keepalived: with SIGKILL all of its processes, as the kernel does when memory is out, else the first.
func signalKeepalived(sig syscall.Signal) func(context.Context, *Storm, *lab.Host, Fault) error {
	return func(ctx context.Context, _ *Storm, b *lab.Host, _ Fault) error {
		procs, err := b.Host().Procs(ctx)
		if err != nil {
			return err
		}
		ours := map[int]bool{}
		for _, p := range procs {
			ours[p.Pid] = filepath.Base(p.Argv[0]) == "keepalived"
		}
		found := errNobody
		for _, p := range procs {
			if !ours[p.Pid] || sig != syscall.SIGKILL && ours[p.Parent] {
				continue
			}
			found = nil
			// One that has just ended is as dead as it should be.
			if err := b.Host().Signal(ctx, p.Pid, sig); errors.Is(err, host.ErrGone) {
				return err
			}
		}
		return found
	}
}

// stopKeepalived is what its unit's stop does; startKeepalived the start.
func stopKeepalived(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	s.supervisors[b].hold()
	return signalKeepalived(syscall.SIGTERM)(ctx, s, b, f)
}

func startKeepalived(_ context.Context, s *Storm, b *lab.Host, _ Fault) error {
	s.supervisors[b].release()
	return nil
}

// killProgram kills the first process of a program of ours that is seen within the time of the fault. It looks beside the other faults.
func killProgram(name string) func(context.Context, *Storm, *lab.Host, Fault) error {
	return func(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
		h := b.Host()
		s.beside.Add(1)
		go func() {
			defer s.beside.Done()
			ctx, cancel := context.WithTimeout(ctx, f.For)
			defer cancel()
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for {
				procs, err := h.Procs(ctx)
				if err != nil {
					return
				}
				for _, p := range procs {
					if filepath.Base(p.Argv[0]) == name && h.Signal(ctx, p.Pid, syscall.SIGKILL) == nil {
						s.lab.Timeline.Step("%s: killed %s", f, strings.Join(p.Argv, " "))
						return
					}
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		}()
		return nil
	}
}

func powerOff(_ context.Context, s *Storm, b *lab.Host, _ Fault) error {
	_, err := b.PowerCut()
	s.off[b] = true
	s.supervisors[b].end()
	return err
}

// powerOn boots the host; its keepalived starts with it.
func powerOn(ctx context.Context, s *Storm, b *lab.Host, _ Fault) error {
	select {
	case <-b.Host().Done():
	case <-ctx.Done():
		return fmt.Errorf("wait until %s is off: %w", b.Name, context.Cause(ctx))
	}
	delete(s.off, b)
	if err := b.Boot(ctx); err != nil {
		return err
	}
	s.supervise(ctx, b)
	return nil
}

func cutCable(_ context.Context, s *Storm, b *lab.Host, _ Fault) error {
	if s.off[b] {
		return errNobody
	}
	_, err := b.CutCable()
	return err
}

func plugCable(_ context.Context, s *Storm, b *lab.Host, _ Fault) error {
	if s.off[b] {
		return errNobody
	}
	_, err := b.Heal()
	return err
}

// secret is what the password is rotated to: the programs do not know it.
const secret = "rotated"

// rotatePassword gives every instance of a host a password that nobody was told. Who is connected stays so.
func rotatePassword(ctx context.Context, s *Storm, b *lab.Host, _ Fault) error {
	var errs []error
	for _, a := range b.Instances() {
		_, err := resp.Ask(ctx, askLimit, a, "CONFIG", "SET", "requirepass", secret)
		errs = append(errs, err)
	}
	if len(errs) > 0 && errs[0] != nil {
		return fmt.Errorf("%w: %w", errNobody, errors.Join(errs...))
	}
	return nil
}

// restorePassword takes the password away again. An instance that restarted in between has none; where our programs let Redis write its
// configuration, it has one.
func restorePassword(ctx context.Context, s *Storm, b *lab.Host, _ Fault) error {
	for _, a := range b.Instances() {
		if err := unlock(ctx, s, a); err != nil {
			return err
		}
	}
	return nil
}

// unlock takes the password of one instance away, if it has ours.
func unlock(ctx context.Context, s *Storm, addr string) error {
	x, err := dial(ctx, addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	defer x.conn.Close()
	_, err = x.ask("PING")
	var no resp.Error
	if !errors.As(err, &no) || !strings.HasPrefix(string(no), "NOAUTH") {
		return nil
	}
	if _, err := x.ask("AUTH", secret); err != nil {
		return fmt.Errorf("take the password of %s away: %w", addr, err)
	}
	if _, err := x.ask("CONFIG", "SET", "requirepass", ""); err != nil {
		return fmt.Errorf("take the password of %s away: %w", addr, err)
	}
	if s.variant.Mode == lab.Replication {
		// It may be in the file by now. Never while writes are refused: that would go into the file, too.
		reply, err := x.ask("CONFIG", "GET", "min-slaves-to-write")
		if err == nil && len(reply) == 2 && reply[1] != "99" {
			_, err = x.ask("CONFIG", "REWRITE")
		}
		if err != nil {
			return fmt.Errorf("take the password of %s out of its file: %w", addr, err)
		}
	}
	return nil
}

const ourConfig = "etc/keepalived/keepalived-redis.toml"

// breakConfig appends half a line to the configuration of our programs.
func breakConfig(_ context.Context, s *Storm, b *lab.Host, _ Fault) error {
	return b.WriteFile(ourConfig, s.config[b]+"\ninstances = [ \n", 0o644)
}

func repairConfig(_ context.Context, s *Storm, b *lab.Host, _ Fault) error {
	return b.WriteFile(ourConfig, s.config[b], 0o644)
}

// readConfigs keeps the good configurations.
func (s *Storm) readConfigs() error {
	for _, b := range s.lab.Hosts() {
		text, err := os.ReadFile(filepath.Join(b.Dir(), ourConfig))
		if err != nil {
			return fmt.Errorf("keep the configuration of %s: %w", b.Name, err)
		}
		s.config[b] = string(text)
	}
	return nil
}

// burners is how many processes burn the processor: as many as a small host has cores.
const burners = 2

func burn(ctx context.Context, s *Storm, b *lab.Host, _ Fault) error {
	for range burners {
		p, err := b.Host().Start(ctx, []string{"sh", "-c", "while :; do :; done"}, nil, nil, nil)
		if err != nil {
			return err
		}
		s.burning[b] = append(s.burning[b], p)
	}
	return nil
}

func stopBurning(ctx context.Context, s *Storm, b *lab.Host, _ Fault) error {
	for _, p := range s.burning[b] {
		// Those of a host that lost its power are gone.
		_ = p.Signal(ctx, syscall.SIGKILL)
	}
	delete(s.burning, b)
	return nil
}

// snapshot is the file of BGSAVE, aside the name under which it is kept while a directory has its place.
func snapshot(b *lab.Host, f Fault) (path, aside string) {
	path = filepath.Join(b.Dir(), "redis", fmt.Sprint(b.Ports[f.Instance]), "dump.rdb")
	return path, path + ".aside"
}

// failBGSAVE puts a directory where the snapshot belongs, and asks for one.
func failBGSAVE(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	path, aside := snapshot(b, f)
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("make BGSAVE fail: %w", err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return fmt.Errorf("make BGSAVE fail: %w", err)
	}
	// A rename never replaces a directory with something in it.
	if err := os.WriteFile(filepath.Join(path, "in the way"), nil, 0o600); err != nil {
		return fmt.Errorf("make BGSAVE fail: %w", err)
	}
	if _, err := resp.Ask(ctx, askLimit, b.Instance(b.Ports[f.Instance]), "BGSAVE"); err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	return nil
}

// repairBGSAVE gives the name back, and lets a good BGSAVE end the refusal of writes.
func repairBGSAVE(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	path, aside := snapshot(b, f)
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("let BGSAVE succeed: %w", err)
		}
		if err := os.Rename(aside, path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("let BGSAVE succeed: %w", err)
		}
	}
	if _, err := resp.Ask(ctx, askLimit, b.Instance(b.Ports[f.Instance]), "BGSAVE"); err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	return nil
}

// The disks that can be full, as the host names them.
const (
	dataDisk  = "/var/lib/redis"
	stateDisk = "/var/lib/keepalived-redis"
)

// rewriteAOF makes the instances of a host write their append only files again, and waits until they have, as docs/operations.md tells an operator
// to do after a full disk. Redis cuts off what did not fit, but 7.0.15 does not append to a file that was begun by a rewrite (its flags in
// /proc/PID/fdinfo are 0100001, without O_APPEND): it goes on behind a gap of zeros, and the next start ends with "Bad file format".
func rewriteAOF(ctx context.Context, _ *Storm, b *lab.Host, _ Fault) error {
	var errs []error
	for _, a := range b.Instances() {
		errs = append(errs, rewriteOne(ctx, a))
	}
	return errors.Join(errs...)
}

func rewriteOne(ctx context.Context, addr string) error {
	x, err := dial(ctx, addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	defer x.conn.Close()
	_, err = x.ask("BGREWRITEAOF")
	if err != nil && strings.HasPrefix(err.Error(), "NOAUTH") {
		if _, err = x.ask("AUTH", secret); err == nil {
			_, err = x.ask("BGREWRITEAOF")
		}
	}
	if err != nil && !strings.Contains(err.Error(), "already in progress") {
		return fmt.Errorf("write the append only file of %s again: %w", addr, err)
	}
	for deadline := time.Now().Add(askLimit); ; {
		info, err := x.ask("INFO", "persistence")
		switch text := strings.Join(info, ""); {
		case err != nil:
			return fmt.Errorf("write the append only file of %s again: %w", addr, err)
		case strings.Contains(text, "aof_rewrite_in_progress:0") && strings.Contains(text, "aof_rewrite_scheduled:0"):
			if !strings.Contains(text, "aof_last_bgrewrite_status:ok") {
				return fmt.Errorf("the append only file of %s could not be written again", addr)
			}
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("the append only file of %s is not written again within %s", addr, askLimit)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("write the append only file of %s again: %w", addr, context.Cause(ctx))
		}
	}
}

// emptyDataDisk makes room again, and looks after the append only files beside the other faults.
func emptyDataDisk(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	if err := empty(dataDisk)(ctx, s, b, f); err != nil {
		return err
	}
	s.beside.Add(1)
	go func() {
		defer s.beside.Done()
		if err := rewriteAOF(ctx, s, b, f); err != nil {
			s.note("%s: tried again when the round has ended: %v", f, err)
		}
	}()
	return nil
}

// fill fills a disk to the last block.
func fill(dir string) func(context.Context, *Storm, *lab.Host, Fault) error {
	return func(ctx context.Context, _ *Storm, b *lab.Host, _ Fault) error {
		// dd always fails: that is when the disk is full. A small block at the end takes what a large one leaves.
		_, _, err := b.Run(ctx, "sh", "-c", fmt.Sprintf("dd if=/dev/zero of=%[1]s/full bs=64k 2>/dev/null; dd if=/dev/zero bs=1 >>%[1]s/full 2>/dev/null", dir))
		return err
	}
}

func empty(dir string) func(context.Context, *Storm, *lab.Host, Fault) error {
	return func(_ context.Context, _ *Storm, b *lab.Host, _ Fault) error {
		below := map[string]string{dataDisk: "redis", stateDisk: "state"}[dir]
		if err := os.Remove(filepath.Join(b.Dir(), below, "full")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("make room on the disk of %s: %w", b.Name, err)
		}
		return nil
	}
}
