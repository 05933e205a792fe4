package fakeredis

import (
	"fmt"
	"strings"
)

// info is INFO, with the fields that the programs read.
func (s *Server) info(section string) string {
	var b strings.Builder
	add := func(name string, lines ...string) {
		if section == "" || section == strings.ToLower(name) {
			b.WriteString("# " + name + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n")
		}
	}
	mode, enabled := "standalone", 0
	if s.node != nil {
		mode, enabled = "cluster", 1
	}
	add("Server", "redis_version:"+s.version, "redis_mode:"+mode, "process_id:1", fmt.Sprintf("run_id:%040x", s.starts), fmt.Sprintf("uptime_in_seconds:%d", int(s.uptime().Seconds())))
	add("Clients", "connected_clients:1")
	add("Memory", "used_memory:1000000")
	add("Persistence", "loading:0", "rdb_bgsave_in_progress:0", "rdb_last_save_time:1700000000", "rdb_last_bgsave_status:ok",
		"aof_enabled:0", "aof_last_write_status:ok")
	add("Stats", fmt.Sprintf("pubsub_channels:%d", s.channels))
	add("Replication", s.replication()...)
	add("Cluster", fmt.Sprintf("cluster_enabled:%d", enabled))
	if section == "commandstats" {
		lines := []string{"cmdstat_info:calls=3,usec=9,usec_per_call=3.00"}
		if s.scripts {
			lines = append(lines, "cmdstat_eval:calls=1,usec=30,usec_per_call=30.00")
		}
		add("Commandstats", lines...)
	}
	keys := len(s.data)
	if s.term != "" {
		keys++
	}
	if keys > 0 {
		add("Keyspace", fmt.Sprintf("db0:keys=%d,expires=0,avg_ttl=0", keys))
	}
	return b.String()
}

func (s *Server) replication() []string {
	lines := []string{"role:master"}
	if m := s.following(); m.IsValid() {
		link, since := "down", -1
		if s.linked {
			link = "up"
		} else if s.wasLinked {
			since = 1
		}
		lines = []string{"role:slave", "master_host:" + m.Addr().String(), fmt.Sprintf("master_port:%d", m.Port()), "master_link_status:" + link,
			"master_sync_in_progress:0", fmt.Sprintf("slave_repl_offset:%d", s.offset)}
		if !s.linked {
			lines = append(lines, fmt.Sprintf("master_link_down_since_seconds:%d", since))
		}
	}
	lines = append(lines, fmt.Sprintf("connected_slaves:%d", s.w.replicas(s)))
	if s.rule.replicas != "0" && s.rule.maxLag != "0" {
		lines = append(lines, fmt.Sprintf("min_slaves_good_slaves:%d", s.w.replicas(s)))
	}
	return append(lines, fmt.Sprintf("master_repl_offset:%d", s.offset))
}
