package config

import (
	"fmt"
	"strconv"
	"strings"
)

// splitArgs parts a line into arguments with the quoting rules of redis-server (sdssplitargs in sds.c): "…" with the
// escapes \n \r \t \b \a \xHH, '…' with the escape \', a quote ends only before a blank. ok is false where redis-server
// would not start.
func splitArgs(line string) (args []string, ok bool) {
	args = make([]string, 0, 4)
	for {
		for line != "" && isBlank(line[0]) {
			line = line[1:]
		}
		if line == "" {
			return args, true
		}
		var arg string
		if arg, line, ok = nextArg(line); !ok {
			return nil, false
		}
		args = append(args, arg)
	}
}

// nextArg reads one argument; rest is what follows it.
func nextArg(line string) (arg, rest string, ok bool) {
	plain := strings.IndexAny(line, " \t\n\v\f\r\"'")
	switch {
	case plain < 0:
		return line, "", true
	case isBlank(line[plain]):
		return line[:plain], line[plain:], true
	}
	var b strings.Builder
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case isBlank(c):
			return b.String(), line[i:], true
		case c == '"' || c == '\'':
			n, closed := quoted(&b, line[i:], c)
			if !closed {
				return "", "", false
			}
			// Nothing may follow a closing quote but a blank.
			if i += n; i < len(line) && !isBlank(line[i]) {
				return "", "", false
			}
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), "", true
}

// quoted reads a quoted part from its opening quote on and tells how long it is.
func quoted(b *strings.Builder, s string, quote byte) (n int, closed bool) {
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == quote:
			return i + 1, true
		case c == '\\' && quote == '\'' && i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case c == '\\' && quote == '"' && i+1 < len(s):
			plain, size := unescape(s[i+1:])
			b.WriteByte(plain)
			i += size
		default:
			b.WriteByte(c)
		}
	}
	return 0, false
}

func isBlank(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

// unescape reads what stands behind a backslash, and tells how long it is.
func unescape(s string) (c byte, size int) {
	if len(s) >= 3 && s[0] == 'x' {
		if n, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
			return byte(n), 3
		}
	}
	const letters, meant = "nrtba", "\n\r\t\b\a"
	if i := strings.IndexByte(letters, s[0]); i >= 0 {
		return meant[i], 1
	}
	return s[0], 1
}

// Quote writes an argument so that redis-server, and splitArgs, read it as it is.
func Quote(s string) string {
	b := []byte{'"'}
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = fmt.Appendf(b, `\x%02x`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
