package config

import "strings"

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
		case c == '\\' && quote == '"' && i+3 < len(s) && s[i+1] == 'x' && isHex(s[i+2]) && isHex(s[i+3]):
			b.WriteByte(unhex(s[i+2])<<4 | unhex(s[i+3]))
			i += 3
		case c == '\\' && quote == '"' && i+1 < len(s):
			b.WriteByte(unescape(s[i+1]))
			i++
		default:
			b.WriteByte(c)
		}
	}
	return 0, false
}

func isBlank(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}
