package conf

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/files"
)

// Files are the files that keepalived sees. Names are absolute.
type Files interface {
	// Read reads a regular file of at most max bytes that cannot be executed.
	Read(name string, max int) ([]byte, error)
	// List has the names in a directory, at most max of them.
	List(dir string, max int) ([]string, error)
	// Exists: something has that name, also a link that leads nowhere.
	Exists(name string) bool
}

// ErrExecutable: keepalived leaves out a file that has an x bit (lib/parser.c since 1.3.2).
var ErrExecutable = errors.New("it can be executed, and keepalived skips such a file")

// Disk is the file system. A fifo or a device does not keep it waiting.
type Disk struct{}

// Read is Files.Read.
func (Disk) Read(name string, max int) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0 {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrExecutable}
	}
	return files.Read(name, max)
}

// List is Files.List.
func (Disk) List(dir string, max int) ([]string, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(max)
}

// Exists is Files.Exists.
func (Disk) Exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// maxBraces bounds the names that braces make of one pattern.
const maxBraces = 256

// glob is glob(3) with GLOB_BRACE: the names that match the pattern, absolute, sorted in each alternative of its braces. missing: one of
// the alternatives is the name of no file.
func (s *source) glob(pattern string) (found []string, missing bool, err error) {
	if strings.ContainsRune(pattern, 0) || len(pattern) > maxLine {
		return nil, true, errors.New("it is no file name")
	}
	for _, p := range braces(pattern) {
		names := s.expand("/", strings.Split(s.absolute(p), "/"))
		sort.Strings(names)
		found = append(found, names...)
		missing = missing || len(names) == 0 && !wild(p)
		if len(found) > maxFiles {
			return found[:maxFiles], missing, nil
		}
	}
	return found, missing, nil
}

// absolute is a name as seen from the directory of the file that is read.
func (s *source) absolute(name string) string {
	if path.IsAbs(name) {
		return name
	}
	return below(s.dir, name)
}

// expand finds what matches the parts of a path below dir.
func (s *source) expand(dir string, parts []string) []string {
	if len(parts) == 0 {
		return []string{dir}
	}
	part, rest := parts[0], parts[1:]
	if part == "" || part == "." {
		return s.expand(dir, rest)
	}
	if !strings.ContainsAny(part, `*?[\`) {
		name := below(dir, part)
		if len(rest) == 0 && !s.files.Exists(name) {
			return nil
		}
		return s.expand(name, rest)
	}
	if s.listings++; s.listings > maxListings {
		s.stop("more than %d directories for the patterns of includes", maxListings)
		return nil
	}
	listed, err := s.files.List(dir, maxListed)
	if err != nil {
		return nil
	}
	var found []string
	for _, name := range listed {
		if matches(part, name) && len(found) <= maxFiles {
			found = append(found, s.expand(below(dir, name), rest)...)
		}
	}
	return found
}

// wild: the pattern has something that stands for other characters.
func wild(pattern string) bool { return strings.ContainsAny(pattern, "*?[") }

// below is a name in a directory. It is not cleaned: ".." behind a link leads where the kernel says.
func below(dir, name string) string { return strings.TrimRight(dir, "/") + "/" + name }

// matches is fnmatch(3) with FNM_PERIOD for one part of a path.
func matches(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
		return false
	}
	ok, err := path.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	return ok && err == nil
}

// braces are the patterns that csh's braces stand for: {a,b}c is ac and bc.
func braces(pattern string) []string {
	done, open := []string{}, []string{pattern}
	for len(open) > 0 && len(done)+len(open) <= maxBraces {
		p := open[0]
		open = open[1:]
		head, choices, tail, ok := firstBrace(p)
		if !ok {
			done = append(done, p)
			continue
		}
		var next []string
		for _, c := range choices {
			next = append(next, head+c+tail)
		}
		open = append(next, open...)
	}
	return done
}

// firstBrace splits a pattern at its first pair of braces.
func firstBrace(p string) (head string, choices []string, tail string, ok bool) {
	start := strings.IndexByte(p, '{')
	if start < 0 || strings.HasPrefix(p[start:], "{}") {
		return "", nil, "", false
	}
	depth, from := 0, start+1
	for i := start; i < len(p); i++ {
		switch p[i] {
		case '{':
			depth++
		case ',':
			if depth == 1 {
				choices = append(choices, p[from:i])
				from = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				return p[:start], append(choices, p[from:i]), p[i+1:], true
			}
		}
	}
	return "", nil, "", false
}
