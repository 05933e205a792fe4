package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// place is where a value was written: the file, an environment variable or a flag.
type place struct {
	key *key
	// name is the environment variable or the flag, as Error.Where says it; empty for the file.
	name string
	// elem is the element of a list, counted from 1; 0 for the whole value.
	elem int
}

// at is the place of element i (from 0) of a list.
func (p place) at(i int) place {
	p.elem = i + 1
	return p
}

// set checks a raw value of TOML, or a text of the environment or a flag, and stores it.
func (d *draft) set(p place, raw any) {
	k := p.key
	d.mark(p)
	if k.kind == kindList {
		if list, ok := d.texts(p, raw); ok {
			k.list(d, p, list)
		}
		return
	}
	if text, hint := d.store(k, raw); text != "" {
		d.fail(p, text, hint, nil)
	}
}

// store takes a value that is no list. It returns what is wrong and a hint; both are empty when nothing is. A wrong value is not stored.
func (d *draft) store(k *key, raw any) (text, hint string) {
	switch k.kind {
	case kindDuration:
		return k.duration(raw, k.dur(d))
	case kindSize:
		return k.size(raw, k.num(d))
	case kindCount:
		return k.count(raw, k.num(d))
	case kindQuorum:
		return k.quorum(raw, k.str(d))
	}
	return k.text(raw, k.str(d))
}

// texts gives the elements of a list. One text is a list of one; in the environment commas part the elements. An element
// that is no text is reported and left empty, so that the others are still checked.
func (d *draft) texts(p place, raw any) ([]string, bool) {
	var list []string
	switch v := raw.(type) {
	case string:
		switch {
		case p.name == "" && v == "":
			d.fail(p, "is empty", "write "+p.key.sample()+", or remove the line", nil)
			return nil, false
		case p.name == "":
			return []string{v}, true
		}
		for _, s := range strings.Split(v, ",") {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
		return list, true
	case []any:
		if typeName(v) == listOfTables {
			break
		}
		for i, e := range v {
			s, isText := e.(string)
			if !isText {
				d.fail(p.at(i), fmt.Sprintf("element %d is %s, not a text", i+1, typeName(e)), "write each element in quotes, as in "+p.key.sample(), nil)
			} else if s == "" {
				d.fail(p.at(i), fmt.Sprintf("element %d is empty", i+1), "remove it", nil)
			}
			list = append(list, s)
		}
		return list, true
	}
	d.fail(p, "is "+typeName(raw)+", not a list of texts", "write "+p.key.sample(), nil)
	return nil, false
}

// sample is a value that would be right.
func (k *key) sample() string {
	if k.def != "" {
		return k.name + " = " + k.def
	}
	return k.name + " = " + k.example
}

// text takes texts, paths, choices and the like.
func (k *key) text(raw any, to *string) (text, hint string) {
	if on, isSwitch := raw.(bool); isSwitch && k.kind == kindSwitch {
		raw = strconv.FormatBool(on)
	}
	v, ok := raw.(string)
	switch {
	case !ok:
		return "is " + typeName(raw) + ", not a text", "write " + k.sample()
	case v == "":
		return "is empty", "write " + k.sample() + ", or remove the line"
	case strings.ContainsAny(v, "\x00\r\n"):
		return "has a line break or a zero byte in it", "write it on one line"
	}
	switch k.kind {
	case kindChoice, kindSwitch:
		if !slices.Contains(k.choices, v) {
			return strconv.Quote(v) + " is not known", hints(didYouMean(v, k.choices), "write "+orList(k.choices))
		}
	case kindPath, kindPattern:
		if !path.IsAbs(v) {
			return strconv.Quote(v) + " is not a full path", "begin it with a slash, as in " + k.sample()
		}
	case kindProgram:
		if strings.Contains(v, "/") && !path.IsAbs(v) {
			return strconv.Quote(v) + " is not a full path", "begin it with a slash, or write the name alone, as in " + k.sample()
		}
	case kindUnit:
		if strings.Contains(v, "/") || !strings.HasSuffix(v, ".service") {
			return strconv.Quote(v) + " is not the name of a service unit", "write its full name, as in " + k.sample()
		}
	}
	if k.kind == kindPattern || k.kind == kindUnit {
		if rest := strings.ReplaceAll(v, "%p", ""); strings.Contains(rest, "%") {
			return strconv.Quote(v) + " has a % that is not %p", "only %p stands for something, the port, as in " + k.sample()
		}
	}
	*to = v
	return "", ""
}

// form is how a value is written.
func (k *key) form() string {
	switch k.kind {
	case kindDuration:
		return "write a number with its unit (ms, s, m, h), as in " + k.sample()
	case kindSize:
		return "write bytes as a number, or with KiB, MiB or GiB, as in " + k.sample()
	case kindQuorum:
		return "write " + orList(k.choices) + ", or a number from " + strconv.FormatInt(k.min, 10) + " on"
	}
	return fmt.Sprintf("write %d to %d, as in %s", k.min, k.max, k.sample())
}

func (k *key) duration(raw any, to *time.Duration) (text, hint string) {
	s, ok := raw.(string)
	if !ok {
		return "is " + typeName(raw) + ", not a time", k.form()
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return strconv.Quote(s) + " has no unit", k.form()
		}
		return strconv.Quote(s) + " is not a time", k.form()
	}
	if int64(v) < k.min || int64(v) > k.max {
		return s + " is out of range", fmt.Sprintf("write %s to %s", shortDuration(k.min), shortDuration(k.max))
	}
	*to = v
	return "", ""
}

// shortDuration prints 1m instead of 1m0s.
func shortDuration(ns int64) string {
	s := time.Duration(ns).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// units of a size, longest first so that "MiB" is not read as "B".
var units = [...]struct {
	name   string
	factor int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}}

func (k *key) size(raw any, to *int64) (text, hint string) {
	factor := int64(1)
	v, isNumber := raw.(int64)
	if r, isText := raw.(string); isText {
		number := strings.TrimSpace(r)
		for _, u := range units {
			if cut, found := strings.CutSuffix(number, u.name); found {
				number, factor = strings.TrimSpace(cut), u.factor
				break
			}
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return strconv.Quote(r) + " is not a size", k.form()
		}
		v = n // out of range it is the largest or the smallest number
	} else if !isNumber {
		return "is " + typeName(raw) + ", not a size", k.form()
	}
	if v < 0 || v > k.max/factor || v*factor < k.min {
		return fmt.Sprintf("%v is out of range", raw), fmt.Sprintf("write %d to %d bytes", k.min, k.max)
	}
	*to = v * factor
	return "", ""
}

func (k *key) count(raw any, to *int64) (text, hint string) {
	v, isNumber := raw.(int64)
	if r, isText := raw.(string); isText {
		n, err := strconv.ParseInt(r, 10, 64)
		if err != nil {
			return strconv.Quote(r) + " is not a whole number", k.form()
		}
		v = n
	} else if !isNumber {
		return "is " + typeName(raw) + ", not a whole number", k.form()
	}
	if v < k.min || v > k.max {
		return fmt.Sprintf("%d is out of range", v), k.form()
	}
	*to = v
	return "", ""
}

// quorum takes one of the key's words, or a count.
func (k *key) quorum(raw any, to *string) (text, hint string) {
	if s, ok := raw.(string); ok && slices.Contains(k.choices, s) {
		*to = s
		return "", ""
	}
	var n int64
	if text, hint = k.count(raw, &n); text != "" {
		return text, hint
	}
	*to = strconv.FormatInt(n, 10)
	return "", ""
}

const listOfTables = "a list of tables"

// typeName says what a value of TOML is, in a person's words.
func typeName(raw any) string {
	switch v := raw.(type) {
	case string:
		return "a text"
	case int64:
		return "a number"
	case float64:
		return "a number with a point"
	case bool:
		return "true or false"
	case time.Time, toml.LocalDate, toml.LocalTime, toml.LocalDateTime:
		return "a date or time of day"
	case []any:
		if len(v) > 0 && typeName(v[0]) == "a table" {
			return listOfTables
		}
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "something else"
}

// orList prints "a", "b" or "c".
func orList(words []string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(w))
	}
	return b.String()
}
