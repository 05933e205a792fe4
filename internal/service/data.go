package service

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/files"
)

// MissingData says in words which data a start of the instance would not find, so that the server came up empty; "" when
// there is data, or when Start itself says what is wrong. An error means that we could not look.
//
// What counts is what redis-server reads: with appendonly it never falls back on the RDB file (loadDataFromDisk in
// server.c), and comes up empty beside a full one. A server that its configuration makes a replica gets its data from its
// master.
func MissingData(i config.Instance) (string, error) {
	s, err := readSettings(i.Conf)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", err
	case err != nil:
		return "", nil
	}
	if args := s.conf.Args("replicaof", "slaveof"); len(args) == 2 && !strings.EqualFold(args[0], "no") {
		return "", nil
	}
	base, err := s.base()
	if err != nil {
		return "", nil
	}
	// A directory that we may not enter shows itself only here: what is below it could seem to be missing.
	dir := s.dataDir(base)
	if err := unix.Access(dir, unix.X_OK); errors.Is(err, syscall.EACCES) {
		return "", &fs.PathError{Op: "look into", Path: dir, Err: err}
	}
	var what string
	var found bool
	if strings.EqualFold(s.value("appendonly"), "yes") {
		what = "an append only file with data in " + dir
		found, err = s.aofHasData(base)
	} else {
		file := s.file("dbfilename", base)
		what = "a data set in " + file
		found, err = rdbHasData(file)
	}
	if found || err != nil {
		return "", err
	}
	return what, nil
}

// aofHasData looks for the one file of Redis before 7.0, which 7.0 takes over, and for what the manifest lists.
func (s settings) aofHasData(base string) (bool, error) {
	fi, err := os.Stat(s.file("appendfilename", base))
	if err == nil && fi.Mode().IsRegular() && fi.Size() > 0 {
		return true, nil
	}
	if err != nil && !absent(err) {
		return false, err
	}
	dir := s.file("appenddirname", base)
	manifest, err := files.Open(filepath.Join(dir, s.value("appendfilename")+".manifest"))
	if err != nil {
		return false, unlessAbsent(err)
	}
	defer manifest.Close()
	// A line is "file NAME seq 1 type b", b for the base, i for an increment, h for history, which is not read.
	lines := bufio.NewScanner(io.LimitReader(manifest, 1<<20))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[0] != "file" || f[5] == "h" {
			continue
		}
		has := fileHasBytes
		if strings.HasSuffix(f[1], ".rdb") {
			has = rdbHasData
		}
		if found, err := has(filepath.Join(dir, strings.Trim(f[1], `"`))); found || err != nil {
			return found, err
		}
	}
	return false, lines.Err()
}

func fileHasBytes(path string) (bool, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return false, unlessAbsent(err)
	}
	return fi.Mode().IsRegular() && fi.Size() > 0, nil
}

// The opcodes of an RDB file that stand before the first key (rdb.h).
const (
	rdbAux = 0xfa
	rdbEOF = 0xff
)

// rdbHasData: the file holds more than its header. Anything that we do not know counts as data: redis-server says what is
// wrong with it.
func rdbHasData(path string) (bool, error) {
	f, err := files.Open(path)
	if err != nil {
		return false, unlessAbsent(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if _, err := r.Discard(len("REDIS0009")); err != nil {
		return false, unlessEnd(path, err)
	}
	for {
		op, err := r.ReadByte()
		switch {
		case err != nil:
			return false, unlessEnd(path, err)
		case op == rdbEOF:
			return false, nil
		case op != rdbAux:
			return true, nil
		}
		for range 2 { // a name and a value
			n, ok := rdbString(r)
			if !ok {
				return true, nil
			}
			if _, err := r.Discard(n); err != nil {
				return false, unlessEnd(path, err)
			}
		}
	}
}

// rdbString is how many bytes of a short text follow.
func rdbString(r *bufio.Reader) (int, bool) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, false
	}
	switch {
	case b>>6 == 0:
		return int(b), true
	case b>>6 == 1:
		low, err := r.ReadByte()
		return int(b&0x3f)<<8 | int(low), err == nil
	case b >= 0xc0 && b <= 0xc2: // a number of 1, 2 or 4 bytes
		return 1 << (b & 3), true
	}
	return 0, false
}

// absent: the file is not there, what should be its directory is none, or it is no file that redis-server could load.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, files.ErrDirectory) || errors.Is(err, files.ErrNotRegular)
}

func unlessAbsent(err error) error {
	if absent(err) {
		return nil
	}
	return err
}

// unlessEnd: a file that ends before its first key has none.
func unlessEnd(path string, err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("read %s: %w", path, err)
}
