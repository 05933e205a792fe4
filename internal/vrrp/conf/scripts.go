package conf

import "time"

// beginScript begins a vrrp_script (keepalived/vrrp/vrrp_parser.c).
func (p *parser) beginScript(l statement) {
	p.needArg(l)
	p.script = &Script{Name: l.arg(1), At: l.at}
}

func (p *parser) scriptWord(l statement) {
	s := p.script
	switch l.word() {
	case "script":
		if c, ok := p.command(l); ok {
			s.Command = c
		}
	case "interval":
		p.scriptTime(&s.Interval, l)
	case "timeout":
		p.scriptTime(&s.Timeout, l)
	case "weight":
		p.number(&s.Weight, l, limits{min: -253, max: 253})
		s.Reverse = s.Reverse || l.arg(2) == "reverse"
	case "fall":
		p.count(&s.Fall, l)
	case "rise":
		p.count(&s.Rise, l)
	case "user":
		if p.needArg(l) {
			s.User = Setting[User]{user(l, 1), l.at}
		}
	case "init_fail":
		flag(&s.InitFail, l, true)
	}
}

// scriptTime sets interval or timeout. Both are at least a millisecond; 0 is taken as one second.
func (p *parser) scriptTime(s *Setting[time.Duration], l statement) {
	p.seconds(s, l, 0, 4_294_967)
	if s.At != l.at {
		return
	}
	if s.Value%time.Second != 0 {
		p.need("a fraction in "+l.word(), Release{2, 3, 2}, l.at)
	}
	if s.Value == 0 {
		p.diagnose(Ignored, l.at, "%s: 0 is taken as 1", l.word())
		s.Value = time.Second
	}
}

// count sets rise or fall; what is no count is 1.
func (p *parser) count(s *Setting[int], l statement) {
	if p.number(s, l, limits{min: 1, max: noLimit}); s.At != l.at {
		*s = Setting[int]{1, l.at}
	}
}

// endScript keeps the script, unless it has no command.
func (p *parser) endScript() {
	if p.script.Command.At.Line == 0 {
		p.diagnose(Ignored, p.script.At, "vrrp_script %s has no script that can be read: keepalived removes it", p.script.Name)
		return
	}
	p.script.Command.User = p.script.User.Value
	add(p, &p.conf.Scripts, p.script, p.script.At)
}

// beginProcess begins a vrrp_track_process.
func (p *parser) beginProcess(l statement) {
	p.needArg(l)
	p.process = &Process{Name: l.arg(1), At: l.at}
}

func (p *parser) processWord(l statement) {
	t := p.process
	switch l.word() {
	case "process":
		if p.first(l, t.Command.At) && p.needArg(l) {
			t.Command = Setting[[]string]{l.words[1:], l.at}
		}
	case "weight":
		p.number(&t.Weight, l, limits{min: -254, max: 254})
		t.Reverse = t.Reverse || l.arg(2) == "reverse"
	case "quorum":
		p.number(&t.Quorum, l, limits{min: 1, max: 65535})
	}
}

func (p *parser) endProcess() {
	if !p.process.Command.Given() {
		p.diagnose(Ignored, p.process.At, "vrrp_track_process %s names no process: keepalived removes it", p.process.Name)
		return
	}
	add(p, &p.conf.Processes, p.process, p.process.At)
}

// beginTrackFile begins a track_file (keepalived/trackers/track_file.c).
func (p *parser) beginTrackFile(l statement) {
	p.needArg(l)
	p.trackFile = &TrackFile{Name: l.arg(1), At: l.at, Weight: Setting[int]{Value: 1}}
}

func (p *parser) trackFileWord(l statement) {
	t := p.trackFile
	switch l.word() {
	case "file":
		p.firstText(&t.File, l)
	case "weight":
		p.number(&t.Weight, l, limits{min: -254, max: 254})
		t.Reverse = t.Reverse || l.arg(2) == "reverse"
	}
}

func (p *parser) endTrackFile() {
	if !p.trackFile.File.Given() {
		p.diagnose(Ignored, p.trackFile.At, "track_file %s names no file: keepalived removes it", p.trackFile.Name)
		return
	}
	add(p, &p.conf.TrackFiles, p.trackFile, p.trackFile.At)
}
