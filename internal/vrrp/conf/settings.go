package conf

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// needArg: the word has an argument. keepalived ends without it (null_strvec of lib/parser.c, since 1.3.0).
func (p *parser) needArg(l statement) bool {
	if len(l.words) > 1 {
		return true
	}
	p.diagnose(Fatal, l.at, "%s: a value is missing", l.word())
	return false
}

// text sets a word.
func (p *parser) text(s *Setting[string], l statement) {
	if p.needArg(l) {
		*s = Setting[string]{l.arg(1), l.at}
	}
}

// flag sets a word that needs no value; false is for those that switch something off.
func flag(s *Setting[bool], l statement, value bool) { *s = Setting[bool]{value, l.at} }

// boolean sets a word that may have on, off, true, false, yes or no behind it.
func (p *parser) boolean(s *Setting[bool], l statement) {
	switch l.arg(1) {
	case "", "true", "on", "yes":
		flag(s, l, true)
	case "false", "off", "no":
		flag(s, l, false)
	default:
		p.diagnose(Ignored, l.at, "%s: %s is neither on nor off", l.word(), l.arg(1))
	}
}

// limits of a number. exact: with garbage behind it a number is none.
type limits struct {
	min, max int
	exact    bool
}

// integer reads word i as strtol(3) does. With garbage behind it the digits count where keepalived only warns (ignore_error of read_int);
// outside of the limits nothing does.
func (p *parser) integer(l statement, i int, r limits) (n int, ok bool) {
	if i >= len(l.words) {
		return 0, p.needArg(l)
	}
	return p.digits(l, l.words[i], r)
}

// digits reads the number at the beginning of a text.
func (p *parser) digits(l statement, text string, r limits) (n int, ok bool) {
	text = strings.TrimLeft(text, white)
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || end == 0 && (text[0] == '-' || text[0] == '+')) {
		end++
	}
	n, err := strconv.Atoi(text[:end])
	if err != nil || n < r.min || n > r.max || r.exact && end < len(text) {
		p.diagnose(Ignored, l.at, "%s: %s is not a number from %d to %d", l.word(), text, r.min, r.max)
		return 0, false
	}
	if end < len(text) {
		p.diagnose(Ignored, l.at, "%s: %s is taken as %d", l.word(), text, n)
	}
	return n, true
}

// number sets a number.
func (p *parser) number(s *Setting[int], l statement, r limits) {
	if !p.needArg(l) {
		return
	}
	if n, ok := p.integer(l, 1, r); ok {
		*s = Setting[int]{n, l.at}
	}
}

// seconds sets a time that may have a fraction.
func (p *parser) seconds(s *Setting[time.Duration], l statement, min, max float64) {
	if !p.needArg(l) {
		return
	}
	word := strings.TrimLeft(l.arg(1), white)
	end := 0
	for end < len(word) && (word[end] >= '0' && word[end] <= '9' || word[end] == '.') {
		end++
	}
	n, err := strconv.ParseFloat(word[:end], 64)
	if err != nil || n < min || n > max {
		p.diagnose(Ignored, l.at, "%s: %s is not a time from %g to %g seconds", l.word(), word, min, max)
		return
	}
	if end < len(word) {
		p.diagnose(Ignored, l.at, "%s: %s is taken as %s", l.word(), word, word[:end])
	}
	*s = Setting[time.Duration]{time.Duration(math.Round(n*1e6)) * time.Microsecond, l.at}
}

// wholeSeconds sets a time without a fraction.
func (p *parser) wholeSeconds(s *Setting[time.Duration], l statement) {
	if !p.needArg(l) {
		return
	}
	if n, ok := p.integer(l, 1, limits{min: 0, max: noLimit}); ok {
		*s = Setting[time.Duration]{time.Duration(n) * time.Second, l.at}
	}
}

// address reads an address as inet_stosockaddr of lib/utils.c does: what stands behind - or / is cut off.
func (p *parser) address(l statement, word string) (netip.Addr, bool) {
	if i := strings.IndexAny(word, "-/"); i >= 0 {
		word = word[:i]
	}
	a, err := netip.ParseAddr(word)
	if err != nil || a.Zone() != "" {
		p.diagnose(Ignored, l.at, "%s: %s is no address", l.word(), word)
		return netip.Addr{}, false
	}
	return a, true
}

// command reads the program of a script or notify line, with the account behind it. The line is split twice: once as a whole, and its
// first value again (notify_script_init of lib/notify.c, since 2.0.6).
func (p *parser) command(l statement) (c Command, ok bool) {
	outer, err := shellWords(l.text, true)
	if err != nil || len(outer) < 2 {
		if err == nil {
			p.needArg(l)
		} else {
			p.diagnose(Ignored, l.at, "%s: the command cannot be read: %v", l.word(), err)
		}
		return Command{}, false
	}
	c = Command{Text: outer[1], At: l.at}
	if c.Words, err = shellWords(outer[1], true); err != nil || len(c.Words) == 0 {
		p.diagnose(Ignored, l.at, "%s: the command cannot be read", l.word())
		return Command{}, false
	}
	p.compareVersions(l, c)
	if len(outer) > 2 {
		c.User.Name = outer[2]
	}
	if len(outer) > 3 {
		c.User.Group = outer[3]
	}
	return c, true
}

// compareVersions says so when 2.3.2 and newer run something else: they leave the backslashes of the whole line to the second split.
func (p *parser) compareVersions(l statement, c Command) {
	outer, err := shellWords(l.text, false)
	if err == nil && len(outer) > 1 {
		var newer []string
		if newer, err = shellWords(outer[1], true); err == nil && equal(newer, c.Words) {
			return
		}
	}
	p.diagnose(Unresolved, l.at, "%s: its backslashes mean something else since 2.3.2; hint: write the command without any", l.word())
}

func equal(a, b []string) bool {
	return strings.Join(a, "\x00") == strings.Join(b, "\x00") && len(a) == len(b)
}

// user reads the account and the group at word i.
func user(l statement, i int) User { return User{l.arg(i), l.arg(i + 1)} }

// noLimit is for numbers that keepalived takes up to its own integers.
const noLimit = math.MaxInt32
