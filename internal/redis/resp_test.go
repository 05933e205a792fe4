package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"keepalived-redis/internal/model"
)

func TestParseHeader(t *testing.T) {
	for text, want := range map[string]struct {
		kind byte
		text string
		n    int
		size int
		err  error
	}{
		"":                                 {},
		"+PONG":                            {},
		"+PONG\r\nmore":                    {kind: '+', text: "PONG", size: 7},
		"-ERR no\r\n":                      {kind: '-', text: "ERR no", size: 9},
		":-3\r\n":                          {kind: ':', text: "-3", size: 5},
		"$0\r\n\r\n":                       {kind: '$', text: "0", size: 4},
		"$4194304\r\n":                     {kind: '$', text: "4194304", n: maxAnswer, size: 10},
		"$4194305\r\n":                     {err: errTooLarge},
		"$-1\r\n":                          {kind: '$', text: "-1", n: -1, size: 5},
		"$-7\r\n":                          {err: errTooLarge},
		"$99999999999999999999\r\n":        {err: errTooLarge},
		"*65536\r\n":                       {kind: '*', text: "65536", n: maxElements, size: 8},
		"*65537\r\n":                       {err: errTooLarge},
		"*-1\r\n":                          {kind: '*', text: "-1", n: -1, size: 5},
		"%1\r\n":                           {err: errNoRESP}, // RESP3
		"+PONG\n":                          {err: errNoRESP},
		"\n":                               {err: errNoRESP},
		"HTTP":                             {err: errNoRESP},
		"+" + strings.Repeat("a", maxLine): {err: errTooLarge},
	} {
		h, size, err := parseHeader([]byte(text), resp2)
		if h.kind != want.kind || string(h.text) != want.text || h.n != want.n || size != want.size || !errors.Is(err, want.err) {
			t.Errorf("%.40q is %q %.40q %d, %d bytes, %v", text, h.kind, h.text, h.n, size, err)
		}
	}
	if _, _, err := parseHeader([]byte(":"), "+-$"); !errors.Is(err, errNoRESP) {
		t.Errorf("a kind that nobody has asked for: %v", err)
	}
}

// FuzzHeader: a header is what it says, a part of it is none yet, and what follows does not matter.
func FuzzHeader(f *testing.F) {
	seed(f, "*.ping*.resp")
	for _, text := range []string{"$1099511627776\r\n", "$-1\r\n", "*2\r\n$1\r\na\r\n", "+\r\n", "-\n", "$007\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, size, err := parseHeader([]byte(text), resp2)
		switch {
		case err != nil && (size != 0 || h.n != 0), size > len(text), h.n < -1, h.n > maxAnswer, h.kind == '*' && h.n > maxElements:
			t.Fatalf("%+v, %d bytes, %v", h, size, err)
		case size > 0 && text[:size] != string(h.kind)+string(h.text)+"\r\n":
			t.Fatalf("%+v, %d bytes", h, size)
		}
		for n := range min(size, 100) {
			if _, part, err := parseHeader([]byte(text[:n]), resp2); part != 0 || err != nil {
				t.Fatalf("%d bytes of it are %d, %v", n, part, err)
			}
		}
	})
}

// FuzzFrames: in whatever pieces an answer comes, the same is let through, and no more than is allowed.
func FuzzFrames(f *testing.F) {
	seed(f, "*.ping*.resp")
	seed(f, "*cluster-nodes.resp")
	for _, text := range []string{"$1099511627776\r\n", "*2\r\n$1\r\na\r\n:7\r\n", "+OK\r\nHTTP", "$3\r\n$99"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read := func(r io.Reader) (string, error) {
			got, err := io.ReadAll(struct{ io.Reader }{&wire{Conn: conn{Reader: r}}})
			return string(got), err
		}
		whole, err := read(strings.NewReader(text))
		pieces, err2 := read(iotest.OneByteReader(strings.NewReader(text)))
		if (err == nil) != (err2 == nil) || err == nil && (whole != text || pieces != text) {
			t.Fatalf("%q, %v; in pieces %q, %v", whole, err, pieces, err2)
		}
	})
}

// conn is a connection that can be read from.
type conn struct {
	net.Conn
	io.Reader
}

func (c conn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// TestAnswersOfCommandsAreBounded: go-redis reserves what a header announces, so a header that announces too much does not reach it.
func TestAnswersOfCommandsAreBounded(t *testing.T) {
	const hello = "-ERR unknown command 'hello'\r\n"
	for name, text := range map[string]string{"a bulk": "$1099511627776\r\n", "a list": "*2147483647\r\n", "a number too long": "$99999999999999999999\r\n",
		"garbage": "HTTP/1.1 400 Bad Request\r\n", "a line": "+" + strings.Repeat("a", 2*maxLine), "a bulk in a list": "*1\r\n$1099511627776\r\n"} {
		t.Run(name, func(t *testing.T) {
			c := Open(replay(t, []byte(hello), []byte(text)), quick)
			defer c.Close()
			answer, err := c.Do(context.Background(), "get", "x")
			if s := Classify(err); s != model.NotRedis || !errors.Is(err, errTooLarge) && !errors.Is(err, errNoRESP) {
				t.Errorf("answered %.40q, %v: it %s", answer, err, s)
			}
		})
	}
	list := "*3\r\n:1\r\n$-1\r\n$5\r\na\r\nb\n\r\n"
	c := Open(replay(t, []byte(hello), []byte(list)), quick)
	defer c.Close()
	if answer, err := c.Do(context.Background(), "get", "x"); err != nil || answer != fmt.Sprint([]any{1, nil, "a\r\nb\n"}) {
		t.Errorf("answered %q, %v", answer, err)
	}
}
