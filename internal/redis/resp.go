package redis

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The bounds of one answer. INFO and CLUSTER NODES of a thousand nodes with their slots in shreds stay below 1 MiB.
const (
	maxAnswer   = 4 << 20
	maxLine     = 64 << 10
	maxElements = 64 << 10
)

// What answers is no Redis, or not one that we can speak with.
var (
	errTooLarge = errors.New("the answer is larger than any of Redis")
	errNoRESP   = errors.New("not an answer of Redis")
)

// resp2 are the kinds of RESP2, which every version speaks: a simple string, an error, a number, a bulk string, a list.
// https://redis.io/docs/latest/develop/reference/protocol-spec/
const resp2 = "+-:$*"

// header is the line that begins each reply, and each element of a list.
type header struct {
	kind byte
	// text is the line without its kind and its end, in the bytes that it was read from.
	text []byte
	// n is how many bytes of a bulk string or elements of a list follow, -1 where there is none; 0 for the other kinds.
	n int
}

// parseHeader reads the header that b begins with, of one of these kinds. A size of 0 means that the line is not whole yet. Nothing
// is believed: not a length, not that the line ends.
func parseHeader(b []byte, kinds string) (h header, size int, err error) {
	end := bytes.IndexByte(b, '\n')
	switch {
	case len(b) > 0 && strings.IndexByte(kinds, b[0]) < 0:
		return h, 0, fmt.Errorf("%w: %.30q", errNoRESP, b)
	case end < 0 && len(b) > maxLine, end > maxLine:
		return h, 0, fmt.Errorf("%w: a line of more than %d bytes", errTooLarge, maxLine)
	case end < 0:
		return h, 0, nil
	case end < 2 || b[end-1] != '\r':
		return h, 0, fmt.Errorf("%w: %.30q", errNoRESP, b[:end])
	}
	h = header{kind: b[0], text: b[1 : end-1]}
	if h.kind != '$' && h.kind != '*' {
		return h, end + 1, nil
	}
	limit := uint64(maxAnswer)
	if h.kind == '*' {
		limit = maxElements
	}
	switch n, err := strconv.ParseUint(string(h.text), 10, 32); {
	case string(h.text) == "-1":
		h.n = -1
	case err != nil || n > limit:
		return header{}, 0, fmt.Errorf("%w: %.30q", errTooLarge, b[:end])
	default:
		h.n = int(n)
	}
	return h, end + 1, nil
}
