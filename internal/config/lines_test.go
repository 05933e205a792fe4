package config

import (
	"testing"
)

func TestIndexLines(t *testing.T) {
	const text = "# comment = 1\r\n" + // 1
		"a = 1 # x\n" + // 2
		"\"b\" = [ # [\n" + // 3
		"  \"]\", # 4\n" + // 4
		"  'x#', [1,\n" + // 5
		"  2], {c = 1},\n" + // 6
		"\n" + // 7
		"  \"\"\"\n" + // 8
		"d = \\\"\"\" 1\"\"\"\"\n" + // 9
		"]\n" + // 10
		"times.dial = '''\n" + // 11
		"e = 1'''\n" + // 12
		"\t[ times ] # x\n" + // 13
		"settle = \"\\\"\"\n" + // 14
		"inline = { x = 1, y.z = [1,\n" + // 15
		"2], }\n" + // 16
		"[[many]]\n" + // 17
		"f = 2020-01-01 00:00:00\n" + // 18
		"[many.sub]\n" + // 19
		"g = 1" // 20
	x := indexLines(text)
	for _, test := range []struct {
		key        string
		elem, line int
	}{
		{"a", 0, 2}, {"a", 1, 2}, {"b", 0, 3}, {"b", 1, 4}, {"b", 2, 5}, {"b", 3, 5}, {"b", 4, 6}, {"b", 5, 8}, {"b", 6, 3},
		{"times.dial", 0, 11}, {"times", 0, 11}, {"times.settle", 0, 14}, {"times.inline", 0, 15}, {"times.inline.x", 0, 15},
		{"times.inline.y.z", 2, 16}, {"many", 0, 17}, {"many.f", 0, 18}, {"many.sub", 0, 19}, {"many.sub.g", 0, 20},
		{"comment", 0, 0}, {"c", 0, 0}, {"d", 0, 0}, {"e", 0, 0},
	} {
		if got := x.find(test.key, test.elem); got != test.line {
			t.Errorf("%s %d: got line %d, want %d", test.key, test.elem, got, test.line)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"policy", "peers", "password_file"}
	for word, want := range map[string]string{
		"polcy": "policy", "POLICY": "policy", "policies": "", "peer": "peers", "passwordfile": "password_file", "vip": "", "": "",
	} {
		if got := nearest(word, words); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
