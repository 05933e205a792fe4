package program

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
)

// maxEntry bounds an entry of the journal. A datagram may have 200 KiB by the kernel's default; nobody reads that much.
const maxEntry = 32 << 10

// entry is a line for journald, in its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): the whole line as
// MESSAGE, since journalctl shows no more than that by itself, and each field of the line once more under its own name.
func entry(name, pid string, level zerolog.Level, line string, fields []field) []byte {
	var b []byte
	add := func(key, value string) {
		if len(b)+len(key)+len(value) > maxEntry {
			return
		}
		if !strings.Contains(value, "\n") {
			b = append(b, key+"="+value+"\n"...)
			return
		}
		b = append(b, key+"\n"...)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
		b = append(b, value+"\n"...)
	}
	for _, f := range []field{{"MESSAGE", line}, {"PRIORITY", strconv.Itoa(severity(level))}, {"SYSLOG_IDENTIFIER", name},
		{"SYSLOG_FACILITY", strconv.Itoa(facility >> 3)}, {"SYSLOG_PID", pid}} {
		add(f.key, f.value)
	}
	for _, f := range fields {
		if key := journalKey(f.key); key != "" {
			add(key, cut(f.value))
		}
	}
	return b
}

// journalKey is a name that journald takes: capital letters, digits and underscores, 64 at most, a letter first. It is
// empty where there is none, and for a name that has a meaning to journald.
func journalKey(key string) string {
	key = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	key = strings.TrimLeft(key, "_0123456789")
	if key == "MESSAGE" || key == "PRIORITY" || strings.HasPrefix(key, "SYSLOG_") || len(key) > 64 {
		return ""
	}
	return key
}
