package service

import (
	"os"
	"path/filepath"
	"testing"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/testing/disktest"
)

func TestNoRoom(t *testing.T) {
	disktest.Run(t, "256k", func(t *testing.T, dir string) {
		conf := filepath.Join(t.TempDir(), "redis.conf")
		if err := os.WriteFile(conf, []byte("port 7000\ndir "+dir+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		in := config.Instance{Port: 7000, Conf: conf}
		if NoRoom(in) {
			t.Error("there is room")
		}
		disktest.Fill(t, dir)
		if !NoRoom(in) {
			t.Error("the disk is full")
		}
		disktest.Free(t, dir)
		disktest.ReadOnly(t, dir)
		if !NoRoom(in) {
			t.Error("the disk is read-only")
		}
		if NoRoom(config.Instance{Port: 7000, Conf: filepath.Join(dir, "missing")}) {
			t.Error("nothing is known of it")
		}
	})
}
