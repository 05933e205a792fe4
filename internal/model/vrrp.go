package model

// State of a VRRP instance, as keepalived names it to its hooks.
type VRRP string

// The states that a hook is told.
const (
	VRRPNone   VRRP = ""
	VRRPMaster VRRP = "MASTER"
	VRRPBackup VRRP = "BACKUP"
	VRRPFault  VRRP = "FAULT"
	VRRPStop   VRRP = "STOP"
)

// Event is what keepalived told a hook.
type Event struct {
	// Name of the vrrp_instance or vrrp_sync_group.
	Name  string
	Group bool
	State VRRP
	// Priority is what keepalived said; 0 for a group and for a hook with words of its own.
	Priority int
	// Rival: the host is MASTER and has heard another one of a lower priority: somebody else was master, or is.
	Rival bool
}

// VRRPRival is keepalived's word for an event of a Rival.
const VRRPRival = "MASTER_RX_LOWER_PRI"

// String is the event as people say it.
func (e Event) String() string {
	if e.Rival {
		return e.Name + " " + VRRPRival
	}
	return e.Name + " " + string(e.State)
}
