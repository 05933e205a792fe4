package probe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// serverError is an error that Redis answered.
type serverError string

func (e serverError) Error() string { return string(e) }

// word is the first word of the error, by which Redis' errors are told apart.
func (e serverError) word() string {
	w, _, _ := strings.Cut(string(e), " ")
	return w
}

// reply is one RESP2 reply. Of an array only items is set; a missing value is null.
type reply struct {
	text  string
	items []reply
	null  bool
	err   serverError
}

// The longest reply that is asked for is CLUSTER SLOTS; more than that is damage.
const (
	maxBulk  = 1 << 20
	maxItems = 1 << 15
	maxDepth = 6
)

var errReply = errors.New("not a reply of Redis")

func readReply(r *bufio.Reader) (reply, error) { return readNested(r, 0) }

func readNested(r *bufio.Reader, depth int) (reply, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return reply{}, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' || depth > maxDepth {
		return reply{}, errReply
	}
	kind, rest := line[0], string(line[1:len(line)-2])
	switch kind {
	case '+', ':':
		return reply{text: rest}, nil
	case '-':
		return reply{err: serverError(rest)}, nil
	case '$', '*':
	default:
		return reply{}, errReply
	}
	n, err := strconv.Atoi(rest)
	switch {
	case err != nil || kind == '$' && n > maxBulk || kind == '*' && n > maxItems:
		return reply{}, errReply
	case n < 0:
		return reply{null: true}, nil
	case kind == '$':
		data := make([]byte, n+2)
		if _, err := io.ReadFull(r, data); err != nil {
			return reply{}, err
		}
		return reply{text: string(data[:n])}, nil
	}
	all := reply{items: make([]reply, 0, n)}
	for range n {
		item, err := readNested(r, depth+1)
		if err != nil {
			return reply{}, err
		}
		all.items = append(all.items, item)
	}
	return all, nil
}

// appendCommand appends one command as Redis reads it.
func appendCommand(b []byte, args ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, "\r\n"...)
		b = append(b, a...)
		b = append(b, "\r\n"...)
	}
	return b
}
