// Package mantest compares a manual page with the command line that it describes.
package mantest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var (
	fonts = regexp.MustCompile(`\\f[A-Z]`)
	flag  = regexp.MustCompile(`--[a-z][a-z-]*`)
	word  = regexp.MustCompile(`(?m)^\.(?:TP|SH|SS|PP|RS|RE|EX|EE|nf|fi|B[RI]?|I[RB]?|R[BI])\b`)
)

// Text is a page of packaging/man without its markup. root is where the checkout is, seen from the test.
func Text(t testing.TB, root, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "packaging/man", page))
	if err != nil {
		t.Fatal(err)
	}
	plain := fonts.ReplaceAllString(strings.ReplaceAll(string(text), `\-`, "-"), "")
	return word.ReplaceAllString(plain, "")
}

// Flags fails unless the page names every flag and every argument of the command line, in all its forms, and no other flag. allowed are
// flags of other programs that stand in examples.
func Flags(t testing.TB, root, page string, allowed []string, forms ...*kong.Kong) {
	t.Helper()
	text := Text(t, root, page)
	known := append([]string{"--help"}, allowed...)
	for _, form := range forms {
		for _, f := range form.Model.AllFlags(false) {
			for _, one := range f {
				known = append(known, "--"+one.Name)
				if !regexp.MustCompile(`--` + regexp.QuoteMeta(one.Name) + `\b`).MatchString(text) {
					t.Errorf("%s does not name --%s", page, one.Name)
				}
				if one.Short != 0 && !strings.Contains(text, "-"+string(one.Short)) {
					t.Errorf("%s does not name -%c", page, one.Short)
				}
			}
		}
		for _, a := range form.Model.Positional {
			if a.Enum == "" && !strings.Contains(text, strings.TrimSuffix(strings.ToUpper(a.Name), "S")) {
				t.Errorf("%s does not name the argument %s", page, strings.ToUpper(a.Name))
			}
			for _, one := range strings.FieldsFunc(a.Enum, func(r rune) bool { return r == ',' }) {
				if !regexp.MustCompile(`\b` + one + `\b`).MatchString(text) {
					t.Errorf("%s does not name %s", page, one)
				}
			}
		}
	}
	for _, name := range flag.FindAllString(text, -1) {
		if !slices.Contains(known, name) {
			t.Errorf("%s names %s, which there is not", page, name)
		}
	}
}
