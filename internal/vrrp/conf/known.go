package conf

import (
	"fmt"
	"strings"
	"sync"
)

// oldest is the first version whose words are known; what it has needs no mention.
var oldest = Release{1, 2, 13}

// known makes the table of a block from lines that each begin with a version and go on with the words that it brought (from the calls of
// install_keyword in vrrp_parser.c, global_parser.c, track_file.c, check_parser.c and bfd_parser.c at the tags of all releases).
func known(lines string) func() map[string]Release {
	return sync.OnceValue(func() map[string]Release {
		table := map[string]Release{}
		for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
			f := strings.Fields(line)
			var r Release
			if _, err := fmt.Sscanf(f[0], "%d.%d.%d", &r.Major, &r.Minor, &r.Patch); err != nil {
				panic(err)
			}
			for _, word := range f[1:] {
				table[word] = r
			}
		}
		return table
	})
}

var rootWords = known(`
1.2.13 global_defs linkbeat_use_polling static_ipaddress static_routes vrrp_sync_group vrrp_instance vrrp_script
1.2.13 SSL virtual_server_group virtual_server
1.2.20 static_rules
1.2.21 garp_group
1.2.24 net_namespace use_pid_dir instance
1.3.0 namespace_with_ipsets
2.0.0 child_wait_time vrrp_track_file bfd_instance
2.0.3 track_group
2.0.11 vrrp_track_process
2.0.13 linkbeat_interfaces
2.1.0 net_namespace_ipvs track_file
2.2.3 interface_up_down_delays`)

var globalWords = known(`
1.2.13 router_id plugin_dir notification_email_from smtp_server smtp_connect_timeout notification_email
1.2.13 vrrp_mcast_group4 vrrp_mcast_group6 enable_traps
1.2.20 smtp_helo_name lvs_sync_daemon vrrp_garp_master_delay vrrp_garp_master_repeat vrrp_garp_master_refresh
1.2.20 vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_lower_prio_no_advert
1.2.20 vrrp_version vrrp_iptables vrrp_ipsets vrrp_check_unicast_src vrrp_skip_check_adv_addr vrrp_strict vrrp_priority
1.2.20 checker_priority vrrp_no_swap checker_no_swap snmp_socket enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2
1.2.20 enable_snmp_rfcv3 enable_snmp_checker
1.2.21 vrrp_garp_interval vrrp_gna_interval
1.2.23 lvs_flush
1.2.24 default_interface lvs_timeouts
1.3.0 enable_dbus script_user enable_script_security
1.3.5 vrrp_higher_prio_send_advert
1.3.6 notify_fifo notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script lvs_notify_fifo lvs_notify_fifo_script
1.3.7 dbus_service_name
2.0.0 smtp_alert smtp_alert_vrrp smtp_alert_checker dynamic_interfaces no_email_faults vrrp_rt_priority vrrp_rlimit_rtime
2.0.0 checker_rt_priority checker_rlimit_rtime bfd_priority bfd_no_swap bfd_rt_priority bfd_rlimit_rtime enable_snmp_vrrp
2.0.0 vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force
2.0.0 lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force
2.0.0 rs_init_notifies no_checker_emails
2.0.3 vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier
2.0.9 umask
2.0.11 checker_log_all_failures nftables nftables_priority nftables_counters nftables_ifindex
2.0.11 process_monitor_rcv_bufs process_monitor_rcv_bufs_force
2.0.12 vrrp_min_garp
2.0.14 vrrp_startup_delay
2.0.15 lvs_flush_onstop random_seed
2.0.16 process_names process_name vrrp_process_name lvs_process_name bfd_process_name vrrp_notify_priority_changes log_unknown_vrids
2.0.17 vrrp_cpu_affinity checker_cpu_affinity bfd_cpu_affinity
2.1.0 startup_script startup_script_timeout shutdown_script shutdown_script_timeout max_auto_priority min_auto_priority_delay
2.1.0 vrrp_rlimit_rttime checker_rlimit_rttime bfd_rlimit_rttime reload_time_file reload_repeat
2.2.0 checker_process_name disable_local_igmp lvs_flush_on_stop vrrp_vmac_garp_intvl vmac_prefix vmac_addr_prefix
2.2.0 reload_check_config reload_file include_check tmp_config_directory
2.2.2 nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark
2.2.3 vrrp_down_timer_adverts vrrp_garp_extra_if config_save_dir data_use_instance
2.2.5 fifo_write_vrrp_states_on_reload
2.2.8 v3_checksum_as_v2 json_version
2.3.0 use_symlink_paths snmp_vs_stats_update_interval snmp_rs_stats_update_interval dbus_no_interface_name
2.3.2 iproute_usr_dir iproute_etc_dir
2.3.3 vrrp_owner_ignore_adverts state_dump_file stats_dump_file json_dump_file
2.4.0 vrrp_delay_after_boot`)

var instanceWords = known(`
1.2.13 use_vmac vmac_xmit_base unicast_peer native_ipv6 state interface dont_track_primary track_interface track_script
1.2.13 mcast_src_ip unicast_src_ip virtual_router_id priority advert_int virtual_ipaddress virtual_ipaddress_excluded
1.2.13 virtual_routes preempt nopreempt preempt_delay debug notify_backup notify_master notify_fault notify_stop notify
1.2.13 smtp_alert lvs_sync_daemon_interface garp_master_delay garp_master_refresh authentication
1.2.14 garp_master_repeat garp_master_refresh_repeat
1.2.17 version accept
1.2.20 virtual_rules skip_check_adv_addr strict_mode garp_lower_prio_delay garp_lower_prio_repeat lower_prio_no_advert
1.3.0 promote_secondaries no_accept
1.3.5 higher_prio_send_advert
1.3.7 old_unicast_checksum
2.0.0 track_file track_bfd track_src_ip linkbeat_use_polling
2.0.3 kernel_rx_buf_size
2.0.6 notify_master_rx_lower_pri
2.0.11 track_process
2.0.16 notify_priority_changes
2.0.17 use_ipvlan
2.1.0 check_unicast_src unicast_ttl notify_deleted
2.2.0 use_vmac_addr vmac_garp_intvl
2.2.3 down_timer_adverts garp_extra_if
2.2.5 unicast_fault_no_peer vrf mcast_dst_ip
2.2.8 no_virtual_ipaddress v3_checksum_as_v2 timer_expired_backup
2.3.2 thread_timer_expired
2.3.3 owner_ignore_adverts
2.4.0 auth_hmac`)

var groupWords = known(`
1.2.13 group notify_backup notify_master notify_fault notify smtp_alert global_tracking
2.0.0 track_interface track_script track_file track_bfd notify_stop sync_group_tracking_weight
2.0.11 track_process
2.2.0 notify_priority_changes`)

var scriptWords = known(`
1.2.13 script interval timeout weight rise fall
1.3.0 user
1.3.2 init_fail`)

var processWords = known(`
2.0.11 process weight quorum delay full_command
2.0.16 param_match quorum_max terminate_delay fork_delay`)

var (
	trackFileWords  = known(`2.0.0 file weight init_file`)
	authWords       = known(`1.2.13 auth_type auth_pass`)
	hmacWords       = known(`2.4.0 key active_key time_window anti_replay mode`)
	garpGroupWords  = known(`1.2.21 garp_interval gna_interval interface interfaces`)
	trackGroupWords = known(`2.0.3 group`)
)
