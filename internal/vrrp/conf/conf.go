// Package conf reads keepalived.conf as keepalived itself reads it: with includes, definitions, conditions and sequences, and with what
// keepalived makes of a mistake.
//
// The facts are from lib/parser.c, keepalived/vrrp/vrrp_parser.c and keepalived/core/global_parser.c of keepalived 1.2.13 to 2.4.3. Where
// versions differ it reads as 2.2 does, and says from which version on a form is understood (Need), or that versions differ (Unresolved).
package conf

import (
	"fmt"
	"net/netip"
	"time"
)

// Position is where something stands.
type Position struct {
	File string
	// Line is counted from 1; 0 is nowhere.
	Line int
}

func (p Position) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Setting is a value, and the line that gave it. Without a line nothing gave it, and keepalived has its own default.
type Setting[T any] struct {
	Value T
	At    Position
}

// Given: a line of the configuration says so.
func (s Setting[T]) Given() bool { return s.At.Line > 0 }

// Configuration is what keepalived has read of its files that concerns VRRP.
type Configuration struct {
	// Files that were read, in their order; a file that was read twice is there twice.
	Files  []string
	Global Global
	// Scripts, Processes and TrackFiles may have the same name twice; the first one counts.
	Scripts    []*Script
	Processes  []*Process
	TrackFiles []*TrackFile
	Instances  []*Instance
	Groups     []*Group
	// Diagnostics are in the order of reading, at most maxDiagnostics.
	Diagnostics []Diagnostic
	// Needs has each form once, where it was met first.
	Needs []Need
}

// Global is what global_defs says, and the few words outside of any block.
type Global struct {
	RouterID                 Setting[string]
	ScriptUser               Setting[User]
	ScriptSecurity           Setting[bool]
	DynamicInterfaces        Setting[bool]
	Version                  Setting[int]
	Strict                   Setting[bool]
	LowerPriorityNoAdvert    Setting[bool]
	HigherPrioritySendAdvert Setting[bool]
	StartupDelay             Setting[time.Duration]
	NotifyFIFO               Setting[string]
	NotifyFIFOScript         Command
	VRRPNotifyFIFO           Setting[string]
	VRRPNotifyFIFOScript     Command
	Garp                     Garp
	ProcessName              Setting[string]
	VRRPProcessName          Setting[string]
	NetworkNamespace         Setting[string]
	InstanceName             Setting[string]
	PIDDirectory             Setting[bool]
	UseSymlinkPaths          Setting[bool]
	LinkbeatPolling          Setting[bool]
}

// Garp says when gratuitous ARPs are sent.
type Garp struct {
	MasterDelay, MasterRefresh, LowerPriorityDelay         Setting[time.Duration]
	MasterRepeat, MasterRefreshRepeat, LowerPriorityRepeat Setting[int]
	// Interval is between two of them; in global_defs alone.
	Interval Setting[time.Duration]
}

// User is an account and, perhaps, a group; both by name or number.
type User struct{ Name, Group string }

// Command is what keepalived runs.
type Command struct {
	// Text is the command as 1.x hands it to a shell.
	Text string
	// Words are what 2.x executes.
	Words []string
	User  User
	At    Position
}

// Script is a vrrp_script.
type Script struct {
	Name     string
	At       Position
	Command  Command
	Interval Setting[time.Duration]
	Timeout  Setting[time.Duration]
	Weight   Setting[int]
	Reverse  bool
	Fall     Setting[int]
	Rise     Setting[int]
	User     Setting[User]
	InitFail Setting[bool]
}

// Process is a vrrp_track_process.
type Process struct {
	Name    string
	At      Position
	Command Setting[[]string]
	Weight  Setting[int]
	Reverse bool
	Quorum  Setting[int]
}

// TrackFile is a track_file, vrrp_track_file before 2.1.
type TrackFile struct {
	Name    string
	At      Position
	File    Setting[string]
	Weight  Setting[int]
	Reverse bool
}

// Instance is a vrrp_instance.
type Instance struct {
	Name                     string
	At                       Position
	State                    Setting[string]
	Interface                Setting[string]
	UseVMAC                  Setting[string]
	UseIPVLAN                Setting[string]
	VMACTransmitBase         Setting[bool]
	VirtualRouterID          Setting[int]
	Priority                 Setting[int]
	AdvertInterval           Setting[time.Duration]
	NoPreempt                Setting[bool]
	PreemptDelay             Setting[time.Duration]
	Version                  Setting[int]
	Strict                   Setting[bool]
	Accept                   Setting[bool]
	LowerPriorityNoAdvert    Setting[bool]
	HigherPrioritySendAdvert Setting[bool]
	DontTrackPrimary         Setting[bool]
	// SourceAddress is that of unicast_src_ip or mcast_src_ip.
	SourceAddress Setting[netip.Addr]
	UnicastPeers  []Setting[netip.Addr]
	// Addresses are those of virtual_ipaddress; Excluded are not in the adverts.
	Addresses, Excluded []Address
	// What is tracked; a script that is not defined above the line is not there.
	TrackScripts, TrackInterfaces, TrackProcesses, TrackFiles []Tracked
	Hooks                                                     []Hook
	// AuthType is the type alone; the password is never kept.
	AuthType Setting[string]
	Garp     Garp
	// family is that of the first address: 4, 6, or 0 before it.
	family int
}

// Group is a vrrp_sync_group.
type Group struct {
	Name    string
	At      Position
	Members []string
	// TrackingWeight: weights of what is tracked count (sync_group_tracking_weight, global_tracking).
	TrackingWeight                                            Setting[bool]
	TrackScripts, TrackInterfaces, TrackProcesses, TrackFiles []Tracked
	Hooks                                                     []Hook
}

// Address is one line of virtual_ipaddress.
type Address struct {
	// Prefix has the address, and the length that was given, else 32 or 128.
	Prefix                 netip.Prefix
	Dev, Scope, Label      string
	Peer                   netip.Addr
	NoTrack, NoPrefixRoute bool
	At                     Position
}

// Tracked is one line of a track_ block.
type Tracked struct {
	Name    string
	Weight  int
	Reverse bool
	At      Position
}

// Hook is a notify line.
type Hook struct {
	// Word is the keyword: notify, notify_master, notify_backup, notify_fault, notify_stop, notify_deleted, notify_master_rx_lower_pri.
	Word string
	Command
}

// Kind is what a diagnostic means.
type Kind string

const (
	// Ignored by keepalived as well: it goes on without it, with a line in its log at most.
	Ignored Kind = "ignored"
	// Fatal: keepalived does not start with it.
	Fatal Kind = "fatal"
	// Unresolved: what keepalived makes of it depends on what the files do not tell: its version, its environment, chance.
	Unresolved Kind = "unresolved"
	// Limited: more than this package reads.
	Limited Kind = "limited"
)

// Diagnostic is what was not understood, or what keepalived does not do although a line says so.
type Diagnostic struct {
	Kind Kind
	At   Position
	Text string
}

func (d Diagnostic) String() string { return fmt.Sprintf("%s: %s: %s", d.At, d.Kind, d.Text) }

// Need is a form that older versions of keepalived do not know; to them it is a mistake.
type Need struct {
	Form string
	// Since is the first version that knows it.
	Since Release
	At    Position
}

// Release is a version of keepalived.
type Release struct{ Major, Minor, Patch int }

func (r Release) String() string { return fmt.Sprintf("%d.%d.%d", r.Major, r.Minor, r.Patch) }

// Before: r is older than o.
func (r Release) Before(o Release) bool {
	switch {
	case r.Major != o.Major:
		return r.Major < o.Major
	case r.Minor != o.Minor:
		return r.Minor < o.Minor
	}
	return r.Patch < o.Patch
}
