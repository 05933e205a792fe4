package packaging_test

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unpack gives the directory in which a package's files are.
func unpack(t *testing.T, file string) string {
	t.Helper()
	dir := t.TempDir()
	if strings.HasSuffix(file, ".deb") {
		output(t, "dpkg-deb", "--extract", file, dir)
	} else {
		output(t, "sh", "-c", `rpm2archive - <"$1" | tar -xz -C "$2"`, "sh", file, dir)
	}
	return dir
}

// isStatic: the program is of this machine, and needs nothing of the system's beside its kernel.
func isStatic(t *testing.T, program string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != machine || f.Type != elf.ET_EXEC {
		t.Errorf("%s is %v, %v", program, f.Machine, f.Type)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is not static: it has %v", program, p.Type)
		}
	}
	if s := f.SectionByType(elf.SHT_DYNAMIC); s != nil {
		t.Errorf("%s is not static: it has %s", program, s.Name)
	}
}

// The packages for ARM have what those for x86-64 have, and programs that run there.
func TestARM64(t *testing.T) {
	out := filepath.Join(t.TempDir(), "dist")
	if err := pack("..", nil, "-fast", "-version", "v0.1.0", "-out", out, "-only", "deb-arm64,el8-arm64"); err != nil {
		t.Fatal(err)
	}
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil && os.Geteuid() == 0 {
		t.Fatalf("%v; hint: build/redis-lab install", err)
	}
	for kind, name := range map[string]string{"deb": "keepalived-redis_0.1.0-1_arm64.deb", "el8": "keepalived-redis-0.1.0-1.el8.aarch64.rpm"} {
		file := filepath.Join(out, name)
		if got, want := listing(t, file), listing(t, packages(t, "0.1.0", kind)); got != want {
			t.Errorf("%s has\n%s\nand that for x86-64\n%s", name, got, want)
		}
		arch := []string{"rpm", "-qp", "--nosignature", "--queryformat", "%{ARCH}", file}
		want := "aarch64"
		if kind == "deb" {
			arch, want = []string{"dpkg-deb", "--field", file, "Architecture"}, "arm64"
		}
		if got := strings.TrimSpace(output(t, arch...)); got != want {
			t.Errorf("%s is for %s", name, got)
		}
		programs := filepath.Join(unpack(t, file), "usr/libexec/keepalived")
		for _, program := range []string{"chk-redis", "notify-redis", "redis-initd"} {
			isStatic(t, filepath.Join(programs, program), elf.EM_AARCH64)
			if qemu == "" {
				continue
			}
			out, err := exec.Command(qemu, filepath.Join(programs, program), "--version").CombinedOutput()
			if got := string(out); err != nil || got != "v0.1.0\n" {
				t.Errorf("%s %s has the version %q, %v", name, program, got, err)
			}
		}
		if qemu != "" {
			checkConfig(t, qemu, filepath.Join(programs, "chk-redis"))
		}
	}
}

// checkConfig has the check for ARM read a good configuration, and a wrong one.
func checkConfig(t *testing.T, qemu, program string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keepalived-redis.toml")
	for text, want := range map[string]struct {
		code int
		says string
	}{
		`instances = ["192.168.9.70:7000-7002"]`:                  {0, "configuration is good"},
		"instances = [\"192.168.9.70:7000\"]\npolicy = \"often\"": {2, `keepalived-redis.toml:2: key "policy": "often" is not known`},
	} {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(qemu, program, "--check-config")
		cmd.Env = append(os.Environ(), "KEEPALIVED_REDIS_CONFIG="+file)
		out, err := cmd.CombinedOutput()
		code := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != want.code || !strings.Contains(string(out), want.says) {
			t.Errorf("%s: exit %d: %s", text, code, out)
		}
	}
}
