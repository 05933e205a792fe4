package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // a format that nfpm.Get knows
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// programs are what is built; each lies in cmd.
var programs = []string{"chk-redis", "notify-redis", "redis-initd"}

// make makes all packages and their checksums. Everything is made beside the directory and moved there at the end.
func (o options) make() error {
	if err := checkKey(o.key); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "packages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	staged := map[string]string{} // by what tells programs apart: architecture and toolchain
	var made []string
	if err := os.RemoveAll(o.out); err != nil {
		return fmt.Errorf("empty %s: %w", o.out, err)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	for _, t := range o.targets {
		like := t.arch + t.toolchain
		if staged[like] == "" {
			staged[like] = filepath.Join(work, like)
			if err := o.stage(t, staged[like]); err != nil {
				return fmt.Errorf("prepare %s: %w", t.name, err)
			}
		}
		file, err := o.pack(t, staged[like])
		if err != nil {
			return fmt.Errorf("make %s: %w", t.name, err)
		}
		made = append(made, file)
		fmt.Println(file)
	}
	return checksums(o.out, made)
}

// stage fills a directory with what nfpm.yaml calls ${STAGE}.
func (o options) stage(t target, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := o.compile(t, dir); err != nil {
		return err
	}
	if err := o.licences(dir); err != nil {
		return err
	}
	if err := o.pages(dir); err != nil {
		return err
	}
	return o.changelog(dir)
}

// coarse are the packages in which nothing is inlined. It keeps each program below 12 MB, and costs a check 4 % of its CPU time.
var coarse = []string{"github.com/...", "encoding/...", "go/...", "math/...", "net/...", "regexp/...", "crypto/tls", "crypto/x509", "text/..."}

// compile builds the programs into a directory, static and free of everything that differs from one build to the next.
func (o options) compile(t target, dir string) error {
	ldflags := "-s -w -buildid= -X keepalived-redis/internal/program.version=" + o.stamp
	args := []string{"build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", ldflags, "-o", dir + "/"}
	for _, pattern := range coarse {
		args = append(args, "-gcflags="+pattern+"=-l")
	}
	for _, p := range programs {
		args = append(args, "./cmd/"+p)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = o.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+t.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=")
	if t.toolchain != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+t.toolchain)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// pack makes one package and returns its name.
func (o options) pack(t target, stage string) (string, error) {
	info, err := o.describe(t, stage)
	if err != nil {
		return "", err
	}
	packager, err := nfpm.Get(t.format)
	if err != nil {
		return "", err
	}
	name := packager.ConventionalFileName(info)
	var b bytes.Buffer
	if err := packager.Package(info, &b); err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(o.out, name), b.Bytes(), 0o644)
}

// checksums writes SHA256SUMS, as sha256sum --check reads it.
func checksums(dir string, names []string) error {
	slices.Sort(names)
	var list strings.Builder
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", h.Sum(nil), name)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(list.String()), 0o644)
}
