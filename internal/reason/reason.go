// Package reason has the reasons of all decisions and verdicts, and makes of them what people read. It is pure.
//
// A reason is a word that never changes its meaning: logs, the journal, JSON, metrics and docs/reasons.md know it by that.
package reason

import (
	"maps"
	"slices"

	"keepalived-redis/internal/model"
)

// Why a VRRP state is what it is.
const (
	NoKeepalived   model.Reason = "no-keepalived"
	VIPUnknown     model.Reason = "vip-unknown"
	VIPHere        model.Reason = "vip-here"
	VIPElsewhere   model.Reason = "vip-elsewhere"
	VIPGone        model.Reason = "vip-gone"
	VIPCame        model.Reason = "vip-came"
	VIPOld         model.Reason = "vip-old"
	VIPStale       model.Reason = "vip-stale"
	NoHookYet      model.Reason = "no-hook-yet"
	NoHookForVIP   model.Reason = "no-hook-for-vip"
	HookLate       model.Reason = "hook-late"
	HookIsBelieved model.Reason = "hook-is-believed"
)

// Why nothing is done, or not yet.
const (
	InPlace          model.Reason = "in-place"
	NotMaster        model.Reason = "not-master"
	NoCluster        model.Reason = "no-cluster"
	Maintenance      model.Reason = "maintenance"
	Sentinel         model.Reason = "sentinel"
	NoPeer           model.Reason = "no-peer"
	StrangeMaster    model.Reason = "strange-master"
	MasterUnknown    model.Reason = "master-unknown"
	MasterElsewhere  model.Reason = "master-elsewhere"
	MasterHere       model.Reason = "master-here"
	MasterRestarts   model.Reason = "master-restarts"
	MasterUnusable   model.Reason = "master-unusable"
	PeerUnseen       model.Reason = "peer-unseen"
	PeerOutranked    model.Reason = "peer-outranked"
	PolicyStay       model.Reason = "policy-stay"
	Settle           model.Reason = "settle"
	SwitchoverFailed model.Reason = "switchover-failed"
	SlotsMove        model.Reason = "slots-move"
	NoSlots          model.Reason = "no-slots"
	SlotsLeftOpen    model.Reason = "slots-left-open"
	LinkDown         model.Reason = "link-down"
	ReplicaBehind    model.Reason = "replica-behind"
	LoopbackAddress  model.Reason = "loopback-address"
	BothHoldVIP      model.Reason = "both-hold-vip"
	AnotherRun       model.Reason = "another-run"
)

// Why a replica becomes a master, and how.
const (
	HostSilent      model.Reason = "host-silent"
	MasterDown      model.Reason = "master-down"
	MasterGivenUp   model.Reason = "master-given-up"
	MasterIsReplica model.Reason = "master-is-replica"
	NoMaster        model.Reason = "no-master"
	OlderTerm       model.Reason = "older-term"
	MajorityAnswers model.Reason = "majority-answers"
	NoMajority      model.Reason = "no-majority"
	MoreHosts       model.Reason = "more-hosts"
	NoVote          model.Reason = "no-vote"
	VoteMissing     model.Reason = "vote-missing"
	FresherReplica  model.Reason = "fresher-replica"
	NoMasterFresher model.Reason = "no-master-fresher"
	HigherTerm      model.Reason = "higher-term"
	ByHandAgain     model.Reason = "by-hand-again"
	ClusterWasDown  model.Reason = "cluster-was-down"
	OldEpochs       model.Reason = "old-epochs"
	ByHand          model.Reason = "by-hand"
)

// Why a replica is not promoted although its master is lost.
const (
	ServesNoStale model.Reason = "serves-no-stale"
	NoRoom        model.Reason = "no-room"
	SeenByOthers  model.Reason = "others-see-master"
	Syncing       model.Reason = "syncing"
	NeverSynced   model.Reason = "never-synced"
	DataStale     model.Reason = "data-stale"
	NeverLinked   model.Reason = "never-linked"
	WaitsForPeer  model.Reason = "waits-for-peer"
	Severed       model.Reason = "severed"
	LessData      model.Reason = "less-data"
	MasterLinked  model.Reason = "master-linked"
	IsMaster      model.Reason = "is-master"
)

// Why an instance takes writes, or refuses them.
const (
	CutOff               model.Reason = "cut-off"
	LeaseLost            model.Reason = "lease-lost"
	PerhapsCutOff        model.Reason = "perhaps-cut-off"
	WitnessUnasked       model.Reason = "witness-unasked"
	WitnessVirtual       model.Reason = "witness-virtual"
	StillCutOff          model.Reason = "still-cut-off"
	ScriptsPass          model.Reason = "scripts-pass"
	Fenced               model.Reason = "fenced"
	HoldOff              model.Reason = "hold-off"
	PeerHeard            model.Reason = "peer-heard"
	NoPeerAnswered       model.Reason = "peer-never-answered"
	PeersLongGone        model.Reason = "peers-long-gone"
	PeerServes           model.Reason = "peer-serves"
	StartsNot            model.Reason = "does-not-start"
	NoAnswerYet          model.Reason = "no-answer-yet"
	Unconfirmed          model.Reason = "unconfirmed"
	StoodStill           model.Reason = "stood-still"
	Confirmed            model.Reason = "confirmed"
	ColdStart            model.Reason = "cold-start"
	ClaimUnknown         model.Reason = "claim-unknown"
	TermUnreadable       model.Reason = "term-unreadable"
	TermLost             model.Reason = "term-lost"
	SameTerm             model.Reason = "same-term"
	Outranked            model.Reason = "outranked"
	SwitchoverUnfinished model.Reason = "switchover-unfinished"
	UndoFailed           model.Reason = "undo-failed"
	WritesLeftStopped    model.Reason = "writes-left-stopped"
	PeerLost             model.Reason = "peer-lost"
	PeerWaitedFor        model.Reason = "peer-waited-for"
	PeerLostUnheard      model.Reason = "peer-lost-unheard"
	PeerLinked           model.Reason = "peer-linked"
	PeerIsMaster         model.Reason = "peer-is-master"
	RoleUnwritten        model.Reason = "role-unwritten"
	VIPLeft              model.Reason = "vip-left"
	VIPBack              model.Reason = "vip-back"
)

// What a verdict says of a host. Each state of an instance is a reason as well, see Of.
const (
	AllAnswer     model.Reason = "all-answer"
	NoInstance    model.Reason = "no-instance"
	Enough        model.Reason = "enough"
	TooFew        model.Reason = "too-few"
	NoBetterHost  model.Reason = "no-better-host"
	SameFault     model.Reason = "same-fault"
	VIPNowhere    model.Reason = "vip-nowhere"
	BusyTooLong   model.Reason = "busy-too-long"
	ReplicaNoDisk model.Reason = "replica-no-disk"
	SlotsUnserved model.Reason = "slots-unserved"
	NoReplicaAway model.Reason = "no-replica-away"
	TimeoutShort  model.Reason = "timeout-short"
	Drain         model.Reason = "drain"
	Hold          model.Reason = "hold"
	NoVerdict     model.Reason = "no-verdict"
	NoService     model.Reason = "no-service"
	Died          model.Reason = "died"
	Hung          model.Reason = "hung"
	HungTakenOver model.Reason = "hung-taken-over"
)

// All are the reasons, sorted by their words.
func All() []model.Reason {
	all := slices.Concat(states[:], slices.Collect(maps.Keys(entries)))
	slices.Sort(all)
	return all
}

// Pattern is the text and the hint of a reason, with {…} for what a clause says.
func Pattern(r model.Reason) (text, hint string) {
	if s, ok := stateOf(r); ok {
		return "it " + s.String(), hints[s]
	}
	return entries[r].text, entries[r].hint
}
