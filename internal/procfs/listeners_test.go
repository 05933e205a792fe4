package procfs

import "testing"

func TestParseAddr(t *testing.T) {
	for in, want := range map[string]string{
		"0100007F:1B58":                         "127.0.0.1:7000",
		"00000000:1B58":                         "0.0.0.0:7000",
		"00000000000000000000000000000000:1B58": "[::]:7000",
		"0000000000000000FFFF00000100007F:1B58": "127.0.0.1:7000",
		"00000000000000000000000001000000:0001": "[::1]:1",
	} {
		if got, ok := parseAddr(in); !ok || got.String() != want {
			t.Errorf("%s: %s, %t, want %s", in, got, ok, want)
		}
	}
	for _, bad := range []string{"", ":", "0100007F", "0100007F:", "0100007:1B58", "XX00007F:1B58", "0100007F:12345"} {
		if got, ok := parseAddr(bad); ok {
			t.Errorf("%q: %s", bad, got)
		}
	}
}
