package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/files"
)

// describe reads nfpm.yaml for one package.
func (o options) describe(t target, stage string) (*nfpm.Info, error) {
	f, err := os.Open(filepath.Join(o.root, "nfpm.yaml"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	values := map[string]string{"ARCH": t.arch, "VERSION": o.version, "RELEASE": t.release, "STAGE": stage}
	c, err := nfpm.ParseWithEnvMapping(f, func(name string) string {
		if strings.HasSuffix(name, "PASSPHRASE") {
			return os.Getenv(name)
		}
		return values[name]
	})
	if err != nil {
		return nil, fmt.Errorf("read nfpm.yaml: %w", err)
	}
	if c.Contents, err = o.contents(t, c.Contents); err != nil {
		return nil, fmt.Errorf("read nfpm.yaml: %w", err)
	}
	info, err := c.Get(t.format)
	if err != nil {
		return nil, err
	}
	if t.kind == "el6" || t.kind == "el7" {
		info.Recommends = nil // since rpm 4.12
	}
	if t.kind == "el6" {
		info.RPM.Compression = "gzip:9" // "rpmlib(PayloadIsXz)" is newer than its rpm
	}
	if o.fast {
		info.RPM.Compression, info.Deb.Compression = "gzip:1", "gzip"
	}
	info.MTime = o.time
	info.Changelog = filepath.Join(stage, "changelog.yaml")
	o.absolute(&info.Scripts.PreInstall, &info.Scripts.PostInstall, &info.Scripts.PreRemove, &info.Scripts.PostRemove)
	if o.key != "" {
		info.RPM.Signature.KeyFile, info.Deb.Signature.KeyFile = o.key, o.key
	}
	return info, nil
}

func (o options) absolute(paths ...*string) {
	for _, p := range paths {
		*p = filepath.Join(o.root, *p)
	}
}

// contents are those of the package's kind, in the words of nfpm itself.
func (o options) contents(t target, all files.Contents) (files.Contents, error) {
	var some files.Contents
	for _, c := range all {
		if c.Packager != "" && !slices.Contains(strings.Fields(c.Packager), t.kind) {
			continue
		}
		c.Packager = ""
		if c.FileInfo == nil {
			c.FileInfo = &files.ContentFileInfo{}
		}
		c.FileInfo.MTime = o.time
		kind := c.Type
		if t.format == "deb" && kind == files.TypeRPMDoc {
			c.Type = files.TypeFile
		}
		if c.Type != files.TypeSymlink && c.Type != files.TypeDir && !filepath.IsAbs(c.Source) {
			c.Source = filepath.Join(o.root, c.Source)
		}
		if kind != files.TypeRPMDoc || !strings.Contains(c.Source, "*") {
			some = append(some, c)
			continue
		}
		found, err := expand(c)
		if err != nil {
			return nil, err
		}
		some = append(some, found...)
	}
	return some, nil
}

// expand replaces an entry whose source is DIR/*.EXT or DIR/** by one for each file. In an RPM the directories are the
// package's as well.
func expand(c *files.Content) (files.Contents, error) {
	dir, pattern := filepath.Split(c.Source)
	var some files.Contents
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && below != "." && pattern != "**":
			return fs.SkipDir
		case d.IsDir():
			if c.Type == files.TypeRPMDoc && (below != "." || pattern != "**") {
				some = append(some, &files.Content{Destination: path.Join(c.Destination, below), Type: files.TypeDir, FileInfo: &files.ContentFileInfo{Mode: 0o755, MTime: c.FileInfo.MTime}})
			}
			return nil
		}
		if match, err := filepath.Match(pattern, d.Name()); err != nil || !match {
			return err
		}
		one := *c
		one.Source, one.Destination = file, path.Join(c.Destination, below)
		some = append(some, &one)
		return nil
	})
	return some, err
}
