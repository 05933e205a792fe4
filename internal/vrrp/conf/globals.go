package conf

// root is what stands outside of all blocks. LVS and BFD are read by other processes of keepalived than VRRP.
var root = &block{words: rootWords, run: (*parser).rootWord, blocks: map[string]*block{
	"global_defs":        {words: globalWords, run: (*parser).globalWord},
	"vrrp_script":        {words: scriptWords, run: (*parser).scriptWord, end: (*parser).endScript},
	"vrrp_track_process": {words: processWords, run: (*parser).processWord, end: (*parser).endProcess},
	"track_file":         {words: trackFileWords, run: (*parser).trackFileWord, end: (*parser).endTrackFile},
	"vrrp_track_file":    {words: trackFileWords, run: (*parser).trackFileWord, end: (*parser).endTrackFile},
	"vrrp_instance":      instanceBlock,
	"vrrp_sync_group":    {words: groupWords, run: (*parser).groupWord, end: (*parser).endGroup},
	"garp_group":         {words: garpGroupWords, run: (*parser).otherWord},
	"track_group":        {words: trackGroupWords, run: (*parser).otherWord},
}}

// rootWord carries out a word outside of all blocks.
func (p *parser) rootWord(l statement) {
	g := &p.conf.Global
	switch l.word() {
	case "virtual_server", "virtual_server_group", "SSL", "bfd_instance":
		p.skip = awaitBlock
	case "static_ipaddress", "static_routes", "static_rules", "linkbeat_interfaces", "interface_up_down_delays":
		p.ignoreValues(l)
	case "net_namespace":
		p.optionalText(&g.NetworkNamespace, l)
	case "instance":
		p.optionalText(&g.InstanceName, l)
	case "use_pid_dir":
		flag(&g.PIDDirectory, l, true)
	case "linkbeat_use_polling":
		flag(&g.LinkbeatPolling, l, true)
	case "vrrp_instance":
		p.beginInstance(l)
	case "vrrp_sync_group":
		p.beginGroup(l)
	case "vrrp_script":
		p.beginScript(l)
	case "vrrp_track_process":
		p.beginProcess(l)
	case "track_file", "vrrp_track_file":
		p.beginTrackFile(l)
	}
}

// otherWord reads the blocks of values in blocks of which nothing is kept.
func (p *parser) otherWord(l statement) {
	if l.word() == "group" || l.word() == "interfaces" {
		p.ignoreValues(l)
	}
}

// globalWord carries out a word of global_defs that says something of VRRP (keepalived/core/global_parser.c).
func (p *parser) globalWord(l statement) {
	g := &p.conf.Global
	switch l.word() {
	case "router_id":
		p.optionalText(&g.RouterID, l)
	case "notification_email":
		p.ignoreValues(l)
	case "dynamic_interfaces":
		flag(&g.DynamicInterfaces, l, true)
	case "vrrp_version":
		p.number(&g.Version, l, limits{min: 2, max: 3})
	case "vrrp_strict":
		p.boolean(&g.Strict, l)
	case "vrrp_lower_prio_no_advert":
		p.boolean(&g.LowerPriorityNoAdvert, l)
	case "vrrp_higher_prio_send_advert":
		p.boolean(&g.HigherPrioritySendAdvert, l)
	case "vrrp_startup_delay":
		p.seconds(&g.StartupDelay, l, 0, noLimit)
	case "use_symlink_paths":
		p.boolean(&g.UseSymlinkPaths, l)
	case "include_check":
		p.source.checkIncludes(l.words[1:])
	default:
		p.globalScript(l)
	}
}

// globalScript carries out the words of global_defs that are about scripts, processes and gratuitous ARPs.
func (p *parser) globalScript(l statement) {
	g := &p.conf.Global
	switch l.word() {
	case "script_user":
		if len(l.words) > 1 {
			g.ScriptUser = Setting[User]{user(l, 1), l.at}
		}
	case "enable_script_security":
		flag(&g.ScriptSecurity, l, true)
	case "notify_fifo":
		p.firstText(&g.NotifyFIFO, l)
	case "vrrp_notify_fifo":
		p.firstText(&g.VRRPNotifyFIFO, l)
	case "notify_fifo_script":
		p.firstCommand(&g.NotifyFIFOScript, l)
	case "vrrp_notify_fifo_script":
		p.firstCommand(&g.VRRPNotifyFIFOScript, l)
	case "process_names":
		g.VRRPProcessName = Setting[string]{"keepalived_vrrp", l.at}
	case "process_name":
		p.text(&g.ProcessName, l)
	case "vrrp_process_name":
		p.text(&g.VRRPProcessName, l)
	default:
		p.garp(&g.Garp, l, "vrrp_")
	}
}

// optionalText sets a word whose value may be missing; then keepalived ignores the line.
func (p *parser) optionalText(s *Setting[string], l statement) {
	if len(l.words) < 2 {
		p.diagnose(Ignored, l.at, "%s: a value is missing", l.word())
		return
	}
	p.text(s, l)
}

// firstText sets a word that counts only the first time.
func (p *parser) firstText(s *Setting[string], l statement) {
	if p.first(l, s.At) {
		p.optionalText(s, l)
	}
}

// firstCommand sets a command that counts only the first time.
func (p *parser) firstCommand(c *Command, l statement) {
	if !p.first(l, c.At) {
		return
	}
	if got, ok := p.command(l); ok {
		*c = got
	}
}

// first: the word was not given before. If it was, the first one counts.
func (p *parser) first(l statement, before Position) bool {
	if before.Line > 0 {
		p.diagnose(Ignored, l.at, "%s was given before, in %s: this one does not count", l.word(), before)
	}
	return before.Line == 0
}

// includeChecks are the words of include_check.
var includeChecks = map[string]checks{"read": readable, "match": match, "wildcard_match": wildcardMatch, "brace_match": braceMatch}

// checkIncludes sets what every further include asks for (include_check_set): words with + or - change it, one without begins anew, and
// no word is all of them.
func (s *source) checkIncludes(list []string) {
	if len(list) == 0 {
		s.check = readable | match | wildcardMatch | braceMatch
	}
	for _, word := range list {
		switch {
		case word == "":
		case word[0] == '-':
			s.check &^= includeChecks[word[1:]]
		case word[0] == '+':
			s.check |= includeChecks[word[1:]]
		default:
			s.check = readable | includeChecks[word]
		}
	}
}

// garp carries out a word about gratuitous ARPs, which has a prefix in global_defs.
func (p *parser) garp(g *Garp, l statement, prefix string) {
	switch l.word() {
	case prefix + "garp_master_delay":
		p.wholeSeconds(&g.MasterDelay, l)
	case prefix + "garp_master_refresh":
		p.wholeSeconds(&g.MasterRefresh, l)
	case prefix + "garp_lower_prio_delay":
		p.wholeSeconds(&g.LowerPriorityDelay, l)
	case prefix + "garp_master_repeat":
		p.number(&g.MasterRepeat, l, limits{min: 0, max: noLimit})
	case prefix + "garp_master_refresh_repeat":
		p.number(&g.MasterRefreshRepeat, l, limits{min: 0, max: noLimit})
	case prefix + "garp_lower_prio_repeat":
		p.number(&g.LowerPriorityRepeat, l, limits{min: 0, max: noLimit})
	case prefix + "garp_interval":
		p.seconds(&g.Interval, l, 0, 4294)
	}
}
