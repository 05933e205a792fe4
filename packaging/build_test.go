package packaging_test

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"keepalived-redis/internal/testing/golden"
)

// made are the packages of two versions, made once for all tests: a directory for each.
var made struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if made.dir != "" {
		_ = os.RemoveAll(made.dir) // the verdict of the tests is what counts
	}
	os.Exit(code)
}

// pack runs tools/packages.
func pack(root string, environ []string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./packages"}, args...)...)
	cmd.Dir = filepath.Join(root, "tools")
	cmd.Env = append(append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000"), environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tools/packages: %w: %s", err, out)
	}
	return nil
}

// twoPrograms makes the packages of version 0.0.9: their check is two programs, as it was once. These are stand-ins.
func twoPrograms(t *testing.T) error {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "tree")
	output(t, "sh", "-c", `mkdir "$1" && cd .. && tar cf - --exclude=./build --exclude=./dist --exclude=./.git . | tar xf - -C "$1"
		for p in chk-redis notify-redis; do rm -r "$1/cmd/$p" && mv "$1/packaging/testdata/twoprograms/$p" "$1/cmd/$p" || exit; done`, "sh", tree)
	return pack(tree, nil, "-fast", "-version", "v0.0.9", "-out", filepath.Join(made.dir, "0.0.9"), "-only", onAMD64)
}

// onAMD64 are the packages that the tests install.
const onAMD64 = "deb-amd64,el6-amd64,el7-amd64,el8-amd64"

// packages gives one package of a version, 0.1.0 or 0.2.0, or 0.0.9 with a check of two programs: deb, el6, el7 or el8.
func packages(t *testing.T, version, kind string) string {
	t.Helper()
	made.Do(func() {
		if made.dir, made.err = os.MkdirTemp("", "packages-test-"); made.err != nil {
			return
		}
		for _, v := range []string{"0.1.0", "0.2.0"} {
			made.err = pack("..", nil, "-fast", "-version", "v"+v, "-out", filepath.Join(made.dir, v), "-only", onAMD64)
			if made.err != nil {
				return
			}
		}
		made.err = twoPrograms(t)
	})
	if made.err != nil {
		t.Fatal(made.err)
	}
	pattern := map[string]string{"deb": "*_amd64.deb"}[kind]
	if pattern == "" {
		pattern = "*." + kind + ".x86_64.rpm"
	}
	found, err := filepath.Glob(filepath.Join(made.dir, version, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s %s: %q, %v", kind, version, found, err)
	}
	return found[0]
}

// output runs a command that must succeed, and gives what it prints.
func output(t *testing.T, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v: %s", words, err, out)
	}
	return string(out)
}

// listing is what a package has: mode, owner and path of each file, and where links point. Documents are left out: they are
// compared with the checkout.
func listing(t *testing.T, file string) string {
	t.Helper()
	var lines []string
	if strings.HasSuffix(file, ".deb") {
		for _, line := range strings.Split(strings.TrimSpace(output(t, "dpkg-deb", "--contents", file)), "\n") {
			f := strings.Fields(line)
			lines = append(lines, strings.Join([]string{f[0], strings.ReplaceAll(f[1], "0/0", "root/root"), strings.TrimPrefix(strings.Join(f[5:], " "), ".")}, " "))
		}
	} else {
		for _, line := range strings.Split(strings.TrimSpace(output(t, "rpm", "-qp", "--nosignature", "--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES} -> %{FILELINKTOS} %{FILEFLAGS:fflags}\n]", file)), "\n") {
			lines = append(lines, strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(line, " ->  ", " "), "  ", " ")))
		}
	}
	lines = slices.DeleteFunc(lines, func(l string) bool {
		return strings.Contains(l, "/usr/share/doc/keepalived-redis/") && !strings.Contains(l, "LICENSE")
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func TestContents(t *testing.T) {
	for _, kind := range []string{"deb", "el6", "el7", "el8"} {
		golden.Check(t, kind+".txt", listing(t, packages(t, "0.1.0", kind)))
	}
}

// Every document and every ready keepalived.conf is in each package.
func TestDocuments(t *testing.T) {
	var want []string
	for _, dir := range []string{"../docs", "../keepalived"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (dir == "../keepalived" || strings.HasSuffix(path, ".md")) {
				want = append(want, strings.TrimPrefix(path, "../"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for kind, examples := range map[string]string{"deb": "examples/", "el6": "", "el8": ""} {
		var list string
		if file := packages(t, "0.1.0", kind); kind == "deb" {
			list = output(t, "dpkg-deb", "--contents", file)
		} else {
			list = output(t, "rpm", "-qpld", "--nosignature", file)
		}
		for _, doc := range append(want, "README.md") {
			doc = strings.Replace(doc, "keepalived/", examples, 1)
			if !strings.Contains(list, "/usr/share/doc/keepalived-redis/"+doc+"\n") {
				t.Errorf("%s lacks %s", kind, doc)
			}
		}
	}
}

// The programs are static, small enough, and say their version; CentOS 6 gets those of the Go that still knows its kernel.
func TestPrograms(t *testing.T) {
	for kind, version := range map[string]string{"deb": "", "el6": "go1.23.12"} {
		dir := unpack(t, packages(t, "0.1.0", kind))
		for _, name := range []string{"chk-redis", "notify-redis", "redis-initd"} {
			program := filepath.Join(dir, "usr/libexec/keepalived", name)
			if fi, err := os.Stat(program); err != nil {
				t.Fatal(err)
			} else if fi.Size() >= 12<<20 {
				t.Errorf("%s %s has %d bytes", kind, name, fi.Size())
			}
			isStatic(t, program, elf.EM_X86_64)
			if info, err := buildinfo.ReadFile(program); err != nil || version != "" && info.GoVersion != version {
				t.Errorf("%s %s: %v, %v", kind, name, err, info.GoVersion)
			}
			if got := output(t, program, "--version"); !strings.Contains(got, "0.1.0") {
				t.Errorf("%s %s has the version %s", kind, name, got)
			}
			if link, err := os.Readlink(filepath.Join(dir, "usr/sbin", name)); err != nil || link != "../libexec/keepalived/"+name {
				t.Errorf("%s %s: %q, %v", kind, name, link, err)
			}
		}
	}
}

// rpm 4.8 installs the package for CentOS 6: it knows every feature that the package asks for.
func TestEL6NeedsNoNewerRPM(t *testing.T) {
	requires := output(t, "rpm", "-qpR", "--nosignature", packages(t, "0.1.0", "el6"))
	features := regexp.MustCompile(`rpmlib\(\S+\) <= (\d+)\.(\d+)`).FindAllStringSubmatch(requires, -1)
	for _, f := range features {
		major, _ := strconv.Atoi(f[1])
		minor, _ := strconv.Atoi(f[2])
		if major > 4 || major == 4 && minor > 6 {
			t.Errorf("%s is newer than 4.6", f[0])
		}
	}
	if !strings.Contains(requires, "keepalived") {
		t.Errorf("keepalived is not required: %s", requires)
	}
	if got := output(t, "rpm", "-qp", "--nosignature", "--queryformat", "%{PAYLOADCOMPRESSOR} %{VERSION}", packages(t, "0.1.0", "el6")); got != "gzip 0.1.0" {
		t.Errorf("compressor and version: %s", got)
	}
}

// Another place, another umask, another clock: the same bytes.
func TestReproducible(t *testing.T) {
	packages(t, "0.1.0", "deb")
	copied := filepath.Join(t.TempDir(), "elsewhere")
	output(t, "sh", "-c", `umask 077 && mkdir "$1" && cd .. && tar cf - --exclude=./build --exclude=./dist --exclude=./.git . | tar xf - -C "$1"`, "sh", copied)
	out := filepath.Join(t.TempDir(), "again")
	output(t, "touch", "--date=2001-01-01", filepath.Join(copied, "README.md"))
	if err := pack(copied, []string{"TZ=Asia/Tokyo", "LC_ALL=C.UTF-8"}, "-fast", "-version", "v0.1.0", "-out", out, "-only", onAMD64); err != nil {
		t.Fatal(err)
	}
	first := read(t, filepath.Join(made.dir, "0.1.0/SHA256SUMS"))
	if again := read(t, filepath.Join(out, "SHA256SUMS")); again != first || strings.Count(first, "\n") != 4 {
		t.Errorf("the packages are not the same:\n%s\n%s", first, again)
	}
	output(t, "sh", "-c", `cd "$1" && sha256sum --quiet --check SHA256SUMS`, "sh", out)
}

// As they are delivered, packages are below 16 MB. The one for CentOS 6 is the largest, because its
// compression is the oldest.
func TestSize(t *testing.T) {
	out := filepath.Join(t.TempDir(), "dist")
	if err := pack("..", nil, "-version", "v0.1.0", "-out", out, "-only", "el6-amd64"); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(out, "keepalived-redis*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	for _, file := range found {
		if fi, err := os.Stat(file); err != nil {
			t.Fatal(err)
		} else if fi.Size() >= 16e6 {
			t.Errorf("%s has %d bytes", filepath.Base(file), fi.Size())
		}
	}
}

// rpmlintScript runs rpmlint in a copy of this machine: it unpacks by cpio, which writes files with absolute names, as packages
// of nfpm have them, where those say.
const rpmlintScript = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay -o lowerdir=/,upperdir="$1/up",workdir="$1/work" overlay "$1/root"
mount -t proc proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
exec chroot "$1/root" rpmlint --config="$2" "$3"`

func TestLint(t *testing.T) {
	if out := output(t, "lintian", "--fail-on=error", "--allow-root", packages(t, "0.1.0", "deb")); strings.Contains(out, "E: ") {
		t.Error(out)
	}
	if os.Geteuid() != 0 {
		t.Fatal("rpmlint is kept from the machine's own files by root only; hint: run the tests as root")
	}
	config, err := filepath.Abs("rpmlint.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"el6", "el7", "el8"} {
		if out := output(t, "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", rpmlintScript, "sh", t.TempDir(), config, packages(t, "0.1.0", kind)); strings.Contains(out, " E: ") {
			t.Error(out)
		}
	}
}

// Each module that is in the programs has its licence in the package.
func TestLicences(t *testing.T) {
	dir := t.TempDir()
	output(t, "dpkg-deb", "--extract", packages(t, "0.1.0", "deb"), dir)
	text := read(t, filepath.Join(dir, "usr/share/doc/keepalived-redis/copyright"))
	info, err := buildinfo.ReadFile(filepath.Join(dir, "usr/libexec/keepalived/notify-redis"))
	if err != nil || len(info.Deps) < 5 {
		t.Fatal(err, info)
	}
	for _, m := range info.Deps {
		if !strings.Contains(text, "\n"+m.Path+" "+m.Version+"\n") {
			t.Errorf("the licence of %s is missing", m.Path)
		}
	}
	if !strings.Contains(text, "/usr/share/common-licenses/Apache-2.0") {
		t.Error("our own is missing")
	}
}

// A key signs; one that the oldest rpm could not verify is refused before anything is built.
func TestSigned(t *testing.T) {
	home := t.TempDir()
	gpg := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--passphrase", ""}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %v: %v: %s", args, err, stderr.String())
		}
		return out
	}
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() }) // the agent ends with its directory, too
	for name, kind := range map[string]string{"rsa": "rsa2048", "edwards": "ed25519"} {
		gpg("--quick-generate-key", name+"@example.com", kind, "sign", "never")
		if err := os.WriteFile(filepath.Join(home, name+".key"), gpg("--export-secret-keys", "--armor", name+"@example.com"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "rsa.pub"), gpg("--export", "--armor", "rsa@example.com"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(home, "dist")
	if err := pack("..", nil, "-version", "v0.1.0", "-out", out, "-only", "el6-amd64", "-key", filepath.Join(home, "edwards.key")); err == nil || !strings.Contains(err.Error(), "is no RSA key") {
		t.Errorf("an EdDSA key: %v", err)
	}
	if err := pack("..", nil, "-fast", "-version", "v0.1.0", "-out", out, "-only", "el6-amd64", "-key", filepath.Join(home, "rsa.key")); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(home, "db")
	output(t, "rpm", "--dbpath", db, "--import", filepath.Join(home, "rsa.pub"))
	verdict := output(t, "rpm", "--dbpath", db, "--checksig", "--verbose", filepath.Join(out, "keepalived-redis-0.1.0-1.el6.x86_64.rpm"))
	if !strings.Contains(verdict, "RSA") || !strings.Contains(verdict, ": OK") || strings.Contains(verdict, "BAD") || strings.Contains(verdict, "NOKEY") {
		t.Error(verdict)
	}
}
