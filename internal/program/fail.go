package program

import (
	"io"
	"strings"
)

// Fail shows an error to a person: one line for each joined error, headed by the program's name, and each hint on a line
// of its own:
//
//	chk-redis: read configuration /etc/keepalived/keepalived-redis.toml: line 3: unknown key "vips"
//	  hint: did you mean vip?
//
// What a server said cannot order the terminal about. Everything goes out in one write. A nil error writes nothing.
func Fail(w io.Writer, name string, err error) {
	if err == nil {
		return
	}
	// errors.Join puts a line break between its errors, also where the joined error is wrapped once more.
	// Nobody is left to tell when the error output is gone.
	_, _ = io.WriteString(w, headed(name+": ", err.Error()))
}

// Lines is a text for people on a terminal: one line for each of its lines, and each hint on a line of its own. It is empty for an empty text.
func Lines(text string) string { return headed("", text) }

func headed(head, text string) string {
	var b strings.Builder
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		said, hints := hinted(line)
		b.WriteString(head + Plain(said) + "\n")
		for _, h := range hints {
			b.WriteString("  " + hintHead + Plain(h) + "\n")
		}
	}
	return b.String()
}
