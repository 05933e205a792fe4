package state

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What the test program does when it is started with one of these words and a directory.
const (
	writes = "helper-writes" // stores whole files for ever
	locks  = "helper-locks"  // takes the lock and keeps it
	makes  = "helper-makes"  // makes the directory and says what came of it
)

func TestMain(m *testing.M) {
	if len(os.Args) != 3 || !strings.HasPrefix(os.Args[1], "helper-") {
		os.Exit(m.Run())
	}
	d := Dir(os.Args[2])
	switch os.Args[1] {
	case writes:
		for i := 0; ; i++ {
			if err := d.Store("f.json", page(i)); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			if i == 0 {
				fmt.Println("ready")
			}
		}
	case locks:
		_, err := d.TryLock("lock")
		fmt.Println(err)
		io.Copy(io.Discard, os.Stdin)
	case makes:
		fmt.Println(d.Make())
	}
}

// helper starts the test program again, as that user, and returns the first line that it says.
func helper(t *testing.T, uid int, word string, d Dir) (c *exec.Cmd, said string) {
	t.Helper()
	program := os.Args[0]
	if uid != os.Geteuid() {
		program = openTo(t, program)
	}
	c = exec.Command(program, word, string(d))
	if uid != os.Geteuid() {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		c.Process.Kill()
		c.Wait()
	})
	said, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return c, strings.TrimSpace(said)
}

// openTo copies a program to where everybody may run it.
func openTo(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	text, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(path, text, 0o755)
	}
	for _, d := range []string{filepath.Dir(dir), dir} {
		err = errors.Join(err, os.Chmod(d, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
