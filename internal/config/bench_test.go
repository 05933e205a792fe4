package config

import (
	"os"
	"strings"
	"testing"
)

// What every run of chk-redis pays, every second.
func BenchmarkLoad(b *testing.B) {
	shipped, err := os.ReadFile("../../keepalived/redis1.toml")
	if err != nil {
		b.Fatal(err)
	}
	// A redis.conf as shipped is 2,000 lines of comments around 60 directives.
	big := strings.Repeat("# "+strings.Repeat("word ", 9)+"\n", 2000) + strings.Repeat("save 900 1\n", 60)
	for _, bench := range []struct{ name, file, conf string }{
		{"no file", "", "port 7000\nbind 192.168.9.70\nappendonly yes\n"},
		{"shipped file", string(shipped), "port 7000\nbind 192.168.9.70\nappendonly yes\n"},
		{"shipped file, large redis.conf", string(shipped), big},
		{"every key", reference(b), "port 7000\n"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			root := b.TempDir()
			for _, port := range []string{"7000", "7001", "7002"} {
				writeBench(b, root+"/etc/redis", port+".conf", strings.ReplaceAll(bench.conf, "7000", port))
			}
			o := Options{Root: root, Environ: os.Environ()}
			if bench.file != "" {
				writeBench(b, root+"/etc/keepalived", "keepalived-redis.toml", bench.file)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if _, err := LoadOrLastGood(o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func writeBench(b *testing.B, dir, name, text string) {
	b.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
}
