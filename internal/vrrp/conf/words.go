package conf

import (
	"errors"
	"strings"
)

// white is what separates words (WHITE_SPACE_STR of lib/parser.c), blank what is cut off at the ends of a line.
const (
	white = " \t\f\n\r\v"
	blank = " \t"
)

// decomment takes away a comment and the blanks around the line (decomment of lib/parser.c, 2.0.9 and newer). In quotes # and ! are
// ordinary; behind a backslash they are, too. A backslash at the end stays, without the blanks before it. open: a quote does not end.
func decomment(text string) (line string, open bool) {
	var b strings.Builder
	text = strings.TrimLeft(text, blank)
	end := ""
scan:
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			open = !open
		case c == '\\' && i+1 == len(text):
			end = `\`
			break scan
		case c == '\\':
			i++
			if open || text[i] != '#' && text[i] != '!' {
				b.WriteByte(c)
			}
			c = text[i]
		case !open && (c == '!' || c == '#'):
			break scan
		}
		b.WriteByte(c)
	}
	return strings.TrimRight(b.String(), blank) + end, open
}

// words splits a line (alloc_strvec_r of lib/parser.c). A quoted string is one word, and also ends the word before it. ok is false if
// its quote is missing; what stands before it counts.
func words(text string) (list []string, ok bool) {
	for {
		text = strings.TrimLeft(text, white)
		if text == "" {
			return list, true
		}
		if text[0] == '"' {
			word, rest, found := strings.Cut(text[1:], `"`)
			if !found {
				return list, false
			}
			list, text = append(list, word), rest
			continue
		}
		n := strings.IndexAny(text, white+`"`)
		if n < 0 {
			n = len(text)
		}
		list, text = append(list, text[:n]), text[n:]
	}
}

var (
	errQuote  = errors.New("a quote is missing")
	errEscape = errors.New("nothing follows the backslash at its end")
)

// shellWords splits as a shell would: quotes of both kinds within words, backslashes (alloc_strvec_quoted_escaped of lib/parser.c, 2.0.6
// and newer). Without escapes a backslash still protects what follows, and stays (alloc_strvec_quoted, 2.3.2 and newer).
func shellWords(text string, escapes bool) ([]string, error) {
	var list []string
	for {
		text = strings.TrimLeft(text, white)
		if text == "" {
			return list, nil
		}
		word, rest, err := shellWord(text, escapes)
		if err != nil {
			return nil, err
		}
		list, text = append(list, word), rest
	}
}

func shellWord(text string, escapes bool) (word, rest string, err error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\\' && i+1 == len(text):
			return "", "", errEscape
		case c == '\\' && escapes:
			r, n := escaped(text[i+1:])
			b.WriteByte(r)
			i += 1 + n
		case c == '\\':
			b.WriteString(text[i : i+2])
			i += 2
		case quote != 0 && c == quote:
			quote = 0
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			i++
		case quote == 0 && strings.IndexByte(white, c) >= 0:
			return b.String(), text[i:], nil
		default:
			b.WriteByte(c)
			i++
		}
	}
	if quote != 0 {
		return "", "", errQuote
	}
	return b.String(), "", nil
}

// escapes are the letters behind a backslash that stand for something else.
var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'E': 0x1b, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// escaped is the character for what stands behind a backslash, and how many bytes that is.
func escaped(s string) (c byte, n int) {
	switch {
	case s[0] == 'x' && len(s) > 1 && hexDigit(s[1]) >= 0:
		for n = 1; n < len(s) && n < 3 && hexDigit(s[n]) >= 0; n++ {
			c = c<<4 | byte(hexDigit(s[n]))
		}
		return c, n
	case s[0] == 'c' && len(s) > 1:
		return s[1] & 0x1f, 2
	case s[0] >= '0' && s[0] <= '7':
		for ; n < len(s) && n < 3 && s[n] >= '0' && s[n] <= '7'; n++ {
			c = c<<3 | (s[n] - '0')
		}
		return c, n
	}
	if c, ok := escapes[s[0]]; ok {
		return c, 1
	}
	return s[0], 1
}

// hexDigit is the value of a digit, -1 if it is none.
func hexDigit(c byte) int {
	return strings.IndexByte("0123456789abcdef", strings.ToLower(string(rune(c)))[0])
}
