// Command packages makes the packages of keepalived-redis from nfpm.yaml: RPM for EL 6, 7 and newer, DEB, with checksums
// and, given a key, signatures. The same tree and version give the same bytes, wherever and whenever it runs.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is one package.
type target struct {
	// name is what -only knows it by; kind is what nfpm.yaml's packager: names.
	name, kind string
	// format is nfpm's: deb or rpm.
	format string
	// arch is Go's.
	arch string
	// release is the package's own number beside the version.
	release string
	// toolchain is the Go that builds it; empty for the one at hand.
	toolchain string
}

// targets: CentOS 6 runs nothing that a newer Go builds.
var targets = []target{
	{name: "el6-amd64", kind: "el6", format: "rpm", arch: "amd64", release: "1.el6", toolchain: "go1.23.12"},
	{name: "el7-amd64", kind: "el7", format: "rpm", arch: "amd64", release: "1.el7"},
	{name: "el8-amd64", kind: "el8", format: "rpm", arch: "amd64", release: "1.el8"},
	{name: "el8-arm64", kind: "el8", format: "rpm", arch: "arm64", release: "1.el8"},
	{name: "deb-amd64", kind: "deb", format: "deb", arch: "amd64", release: "1"},
	{name: "deb-arm64", kind: "deb", format: "deb", arch: "arm64", release: "1"},
}

// options are the command line, checked.
type options struct {
	root, out string
	// stamp is the version in the programs; version is the packages', made of it.
	stamp, version string
	// key signs; empty: nothing is signed.
	key     string
	targets []target
	// fast packs with little effort, for tests.
	fast bool
	// time is that of every file.
	time time.Time
}

func main() {
	o, err := parse(os.Args[1:])
	if err == nil {
		err = o.make()
	}
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("packages", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", "..", "the checkout")
	flags.StringVar(&o.out, "out", "dist", "directory of the packages, below the checkout unless absolute; it is emptied")
	flags.StringVar(&o.stamp, "version", "dev", "the version, as git describe gives it")
	flags.StringVar(&o.key, "key", "", "file with an RSA key of OpenPGP that signs the packages; its passphrase is in NFPM_PASSPHRASE")
	flags.BoolVar(&o.fast, "fast", false, "pack with little effort, for tests; the files are the same, the packages are larger")
	only := flags.String("only", "", "only these packages, separated by commas: el6-amd64, deb-arm64, …")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.root, err = filepath.Abs(o.root); err != nil {
		return o, err
	}
	if !filepath.IsAbs(o.out) {
		o.out = filepath.Join(o.root, o.out)
	}
	if o.key != "" {
		if o.key, err = filepath.Abs(o.key); err != nil {
			return o, err
		}
	}
	if o.version, err = packageVersion(o.stamp, o.git("rev-list", "--count", "HEAD")); err != nil {
		return o, err
	}
	if o.targets, err = chosen(*only); err != nil {
		return o, err
	}
	o.time, err = o.sourceDate()
	return o, err
}

// git asks the checkout; the answer is empty where there is no git.
func (o options) git(args ...string) string {
	out, err := exec.Command("git", append([]string{"-C", o.root}, args...)...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// sourceDate is the time of every file: SOURCE_DATE_EPOCH, else that of the last commit.
func (o options) sourceDate() (time.Time, error) {
	text := cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), o.git("log", "-1", "--format=%ct"))
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, errors.New("there is no date for the files: SOURCE_DATE_EPOCH is not set, and this is no checkout of git; hint: SOURCE_DATE_EPOCH=$(date +%s) make packages")
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// described are the forms of git describe --tags --always --dirty.
var described = regexp.MustCompile(`^(?:v?(\d+(?:\.\d+)*)(?:-(\d+)-g([0-9a-f]+))?|([0-9a-f]{7,40})|dev)(-dirty)?$`)

// packageVersion makes a version of git describe's words that every package manager orders as commits follow each other:
// digits and dots, no ~ (rpm 4.8 knows none) and no hyphen (it separates the release). commits counts them, for a tree
// without a tag.
func packageVersion(stamp, commits string) (string, error) {
	m := described.FindStringSubmatch(stamp)
	if m == nil {
		return "", fmt.Errorf("%q is no version; hint: as v1.2.3", stamp)
	}
	version := m[1]
	switch {
	case m[2] != "":
		version += "." + m[2] + ".g" + m[3]
	case m[4] != "":
		version = "0.0." + cmp.Or(commits, "0") + ".g" + m[4]
	case version == "":
		version = "0.0." + cmp.Or(commits, "0")
	}
	if m[5] != "" {
		version += ".dirty"
	}
	return version, nil
}

func chosen(only string) ([]target, error) {
	if only == "" {
		return targets, nil
	}
	var some []target
	for _, name := range strings.Split(only, ",") {
		i := slices.IndexFunc(targets, func(t target) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no package %q", name)
		}
		some = append(some, targets[i])
	}
	return some, nil
}
