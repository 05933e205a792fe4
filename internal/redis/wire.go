package redis

import (
	"fmt"
	"net"
)

// wire is the connection under go-redis. It bounds the answers, because go-redis reserves as much memory as a header announces.
type wire struct {
	net.Conn
	frames
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err := w.take(p[:n]); err != nil {
		return 0, err // not even the part before it: go-redis would believe the header
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	w.total = 0
	return w.Conn.Write(p)
}

// frames follows the frames of RESP as far as their sizes go.
type frames struct {
	// total is what has been read since the last request.
	total int
	// left is what of a bulk string is still to come.
	left int
	// part is how the line begins whose end is still to come.
	part []byte
}

// take looks at the next bytes that were read.
func (f *frames) take(p []byte) error {
	if f.total += len(p); f.total > maxAnswer {
		return fmt.Errorf("%w: more than %d bytes", errTooLarge, maxAnswer)
	}
	for len(p) > 0 {
		if n := min(f.left, len(p)); n > 0 {
			f.left -= n
			p = p[n:]
			continue
		}
		line := p
		if len(f.part) > 0 {
			line = append(f.part, p...)
		}
		h, size, err := parseHeader(line, resp2)
		switch {
		case err != nil:
			return err
		case size == 0:
			f.part = append(f.part[:0], line...)
			return nil
		case h.kind == '$' && h.n >= 0:
			f.left = h.n + len("\r\n")
		}
		p = p[size-len(f.part):]
		f.part = f.part[:0]
	}
	return nil
}
