// Package scripttest runs the commands as programs, by scripts, on a host of their own: testscript inside namespaces, with
// real redis-servers.
//
// The host has its own processes, network and mounts, and they end with it. So nothing is left behind, no keepalived,
// systemd or configuration of the machine is seen, and full disks, VIPs and other hosts can be had without root.
package scripttest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"keepalived-redis/internal/testing/systemdtest"
	"keepalived-redis/lab/host"
)

// hangs is how long one command may run. None of them may take that long whatever happens.
const hangs = 40 * time.Second

// hidden are the places of the machine that the host has empty, where they exist. Without /run there is no log socket
// behind /dev/log either, so the programs log to their error output.
var hidden = []string{"/run", "/var/run", "/etc/redis", "/etc/keepalived", "/var/lib/keepalived-redis"}

// others are the addresses of other hosts: on the host's network, and not its own.
const others = "10.88.0.0/16"

// Main is the whole of a TestMain: it makes the host, runs the tests in it, and is the commands that the scripts run. A
// command keepalived comes with them, and one oldkernel: see there.
func Main(m testscript.TestingM, commands map[string]func()) {
	all := map[string]func(){"keepalived": keepalived, "oldkernel": oldKernel}
	for name, run := range commands {
		all[name] = func() {
			time.AfterFunc(hangs, hung)
			run()
		}
	}
	if _, isCommand := all[filepath.Base(os.Args[0])]; isCommand {
		testscript.Main(m, all)
	}
	if systemdtest.Inside() {
		testscript.Main(m, all) // that machine is the host
	}
	root, err := host.Module(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(host.Main(filepath.Join(root, "build", "scripttest"), func(work string) int {
		if err := furnish(work); err != nil {
			fmt.Fprintln(os.Stderr, "make the host of the scripts:", err)
			return 1
		}
		testscript.Main(m, all)
		return 0
	}))
}

// furnish makes the host what the scripts expect.
func furnish(work string) error {
	for _, dir := range hidden {
		fi, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !fi.IsDir() {
			continue
		}
		if err := unix.Mount("none", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return fmt.Errorf("hide %s: %w", dir, err)
		}
	}
	if fi, err := os.Stat("/dev/log"); err == nil && fi.Mode()&fs.ModeSocket != 0 {
		if err := ownDev(work); err != nil {
			return fmt.Errorf("hide /dev/log: %w", err)
		}
	}
	if out, err := exec.Command("ip", "route", "add", "local", others, "dev", "lo").CombinedOutput(); err != nil {
		return fmt.Errorf("make other hosts: %w: %s", err, out)
	}
	return os.Setenv("TMPDIR", work)
}

// ownDev makes a /dev without a log socket; its devices are those of the machine.
func ownDev(work string) error {
	dev := filepath.Join(work, "dev")
	if err := os.Mkdir(dev, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		file := filepath.Join(dev, name)
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+name, file, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return unix.Mount(dev, "/dev", "", unix.MS_BIND|unix.MS_REC, "")
}

// hung ends a command that hangs, and says where it does.
func hung() {
	fmt.Fprintf(os.Stderr, "HUNG: it still runs after %s\n", hangs)
	// The dump helps whoever reads it; there is nobody to tell that it failed.
	_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
	os.Exit(99)
}

// keepalived PROGRAM ARGS… runs a program as keepalived does, as far as the program can tell: the parent process has that
// name, the umask is 0177, and SIGTERM comes through. It ends with the program's exit code.
func keepalived() {
	syscall.Umask(0o177)
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	err := cmd.Start()
	if err == nil {
		go func() {
			for s := range signals {
				// A program that has ended already needs no signal.
				_ = cmd.Process.Signal(s)
			}
		}()
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "keepalived:", err)
		os.Exit(98)
	}
	os.Exit(0)
}
