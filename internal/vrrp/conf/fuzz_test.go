package conf

import (
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzParse: whatever is in two files, what comes out has its place in one of them, and can be printed; comments change nothing.
func FuzzParse(f *testing.F) {
	for _, name := range shipped(f) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b), "")
	}
	for _, c := range understood {
		main, included, _ := strings.Cut(c.conf, "== ")
		f.Add(main, included)
	}
	f.Add(twoInstances, "")
	f.Add("include a.conf\n$A=b \\\n\\\n${A}\n~SEQ(A,$B) ~LST({A},{}) $A\n@one x{}\\", "include *\n\x00\n{")
	f.Fuzz(func(t *testing.T, main, included string) {
		texts := tree{mainFile: main, "/etc/keepalived/a.conf": included}
		c, err := Parse(mainFile, Options{Files: texts, ID: "one"})
		if err != nil {
			t.Fatal(err)
		}
		checkResult(t, c, texts)
		if strings.ContainsAny(main+included, "\"\\\x00\r") || len(main)+len(included) > maxLine/2 {
			return // A quote that does not end has the comment in it, and an empty line ends a definition of several lines.
		}
		const comment = " # vrrp_instance X { } } ~SEQ( $X= \n"
		for name, text := range texts {
			texts[name] = strings.ReplaceAll(text, "\n", comment)
		}
		again, err := Parse(mainFile, Options{Files: texts, ID: "one"})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := describe(again), describe(c); got != want {
			t.Errorf("with comments\n%s\nwithout\n%s", got, want)
		}
	})
}

// checkResult: every part of a result has its line, and no text of it can disturb a log.
func checkResult(t *testing.T, c *Configuration, texts tree) {
	t.Helper()
	place := func(at Position) {
		if text, ok := texts[at.File]; !ok || at.Line < 1 || at.Line > strings.Count(text, "\n")+1 {
			t.Errorf("%s is no line", at)
		}
	}
	for _, d := range c.Diagnostics {
		place(d.At)
		if !utf8.ValidString(d.Text) || strings.ContainsFunc(d.Text, unicode.IsControl) || len(d.Text) > 2*maxText {
			t.Errorf("cannot be logged: %q", d.Text)
		}
	}
	if len(c.Diagnostics) > maxDiagnostics || len(c.Files) > maxFiles {
		t.Errorf("%d diagnostics, %d files", len(c.Diagnostics), len(c.Files))
	}
	for _, n := range c.Needs {
		place(n.At)
	}
	for _, i := range c.Instances {
		place(i.At)
		if c.Instance(i.Name) != i || i.Priority.Value > 255 || i.VirtualRouterID.Value > 255 {
			t.Errorf("%+v", i)
		}
		for _, a := range append(i.Addresses, i.Excluded...) {
			place(a.At)
			if !a.Prefix.IsValid() || a.Prefix.Addr().Zone() != "" {
				t.Errorf("%+v", a)
			}
		}
		for _, h := range i.Hooks {
			place(h.At)
			if len(h.Words) == 0 {
				t.Errorf("%+v", h)
			}
		}
		for _, tracked := range i.TrackScripts {
			place(tracked.At)
			if c.Script(tracked.Name) == nil {
				t.Errorf("%+v", tracked)
			}
		}
	}
	for _, u := range c.Uses(Named("/bin/true", nil)) {
		place(u.At)
	}
}

// FuzzCommandLine: what comes out was an argument, or the end of one.
func FuzzCommandLine(f *testing.F) {
	f.Add("keepalived -lnDf /etc/k.conf --config-id=one")
	f.Add("keepalived --use-file --vrrp -- -C -- -f")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		c := ReadCommandLine(args)
		for _, value := range []string{c.File, c.ID} {
			if !strings.Contains(line, value) {
				t.Errorf("%q: found %q", line, value)
			}
		}
	})
}
