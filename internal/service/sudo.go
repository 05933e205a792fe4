package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/internal/config"
)

// initd is where the packages put redis-initd; the lines of their sudoers file name it so.
const initd = "/usr/sbin/redis-initd"

// sudo asks redis-initd, through sudo, for what its own user may not do: where polkit cannot tell one unit from another (systemd
// before 226), and where there is no systemd. It runs exactly the commands of the sudoers file. SIGKILL is not among them. It is a setting
// ([service] rights) because a refusal by sudo is logged and mailed each time.
type sudo struct {
	Manager
	start, stop time.Duration
}

// Start starts the instance with its own rights, else through sudo.
func (m *sudo) Start(ctx context.Context, i config.Instance) error {
	return m.instead(ctx, m.Manager.Start(ctx, i), i, "start", m.start)
}

// Stop stops the instance with its own rights, else through sudo. Without systemd that marks it as stopped by hand whatever
// byHand says; the next deliberate start removes the mark.
func (m *sudo) Stop(ctx context.Context, i config.Instance, byHand bool) error {
	return m.instead(ctx, m.Manager.Stop(ctx, i, byHand), i, "stop", m.stop)
}

// instead runs redis-initd as root if err is a want of permission.
func (m *sudo) instead(ctx context.Context, err error, i config.Instance, action string, limit time.Duration) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errNotOurs) {
		return err
	}
	ctx, cancel := within(ctx, limit)
	defer cancel()
	said, failure := runSudo(ctx, "-n", initd, strconv.Itoa(int(i.Port)), action)
	switch {
	case failure == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s %s: redis-initd, by sudo, has not ended yet: %w", action, i.Name(), context.Cause(ctx))
	case strings.HasPrefix(said, "sudo:"), said == "":
		// It was sudo that refused, or that is not there: the first refusal tells what is missing.
		return fmt.Errorf("%w; and by sudo: %w: %s", err, failure, said)
	default:
		return fmt.Errorf("%s %s: by sudo: %w: %s", action, i.Name(), failure, said)
	}
}

// runSudo runs sudo, in a session of its own: what it starts without systemd must not end with keepalived's script. This
// user cannot end it when ctx does; it is left to itself then. It gives the last line that the command said: sudo may have warned before.
func runSudo(ctx context.Context, words ...string) (string, error) {
	cmd := exec.Command("/usr/bin/sudo", words...) // on every platform, and keepalived's PATH may be anything
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// Whoever it leaves behind may hold its output open.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("run sudo: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if errors.Is(err, exec.ErrWaitDelay) {
			err = nil
		}
		text := strings.TrimSpace(out.String())
		line := text[strings.LastIndexByte(text, '\n')+1:]
		if err != nil {
			err = fmt.Errorf("run sudo: %w", err)
		}
		return line, err
	case <-ctx.Done():
		return "", fmt.Errorf("run sudo: %w", context.Cause(ctx))
	}
}
