package main

import "testing"

func TestMark(t *testing.T) {
	for _, test := range []struct{ line, word, want string }{
		{"redis 127.0.0.1:7000 started (pid 1)", "  OK  ", "redis 127.0.0.1:7000 started (pid 1)                        [\x1b[1;32m  OK  \x1b[0m]"},
		{"redis 127.0.0.1:7000: start", "FAILED", "redis 127.0.0.1:7000: start                                 [\x1b[1;31mFAILED\x1b[0m]"},
		{"a line that is longer than the column of the marks, and has\ta tab", "  OK  ", "a line that is longer than the column of the marks, and has a tab [\x1b[1;32m  OK  \x1b[0m]"},
	} {
		if got := mark(test.line, test.word); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}
