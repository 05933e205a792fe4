package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// document is the JSON form. Its keys never change their meaning; what is unknown is null.
type document struct {
	// Schema rises when a key changes its meaning or goes.
	Schema int `json:"schema_version"`
	// Verdict is healthy, degraded or unhealthy; Healthy says whether the host may hold the VIP.
	Verdict  string `json:"verdict"`
	Healthy  bool   `json:"healthy"`
	Sentence string `json:"sentence"`
	// Reason is the first of Reasons, which are what the verdict stands on.
	Reason      *string    `json:"reason"`
	Reasons     []clause   `json:"reasons"`
	State       *string    `json:"vrrp_state"`
	StateReason *string    `json:"vrrp_state_reason"`
	Decision    []clause   `json:"decision"`
	VIPHeld     *bool      `json:"vip_held"`
	Fenced      bool       `json:"fenced"`
	Maintenance *string    `json:"maintenance"`
	Instances   []instance `json:"instances"`
	Peers       []peer     `json:"peers"`
	Witness     *witness   `json:"witness"`
	Warnings    []string   `json:"warnings"`
	CheckedAt   string     `json:"checked_at"`
	Took        *float64   `json:"check_duration_seconds"`
	Version     string     `json:"version"`
}

// clause is one part of a verdict or a decision. Its action is null in a verdict.
type clause struct {
	Action    *string  `json:"action"`
	Instances []string `json:"instances"`
	Reason    string   `json:"reason"`
	Also      []string `json:"also"`
	Others    []string `json:"others"`
	Text      string   `json:"text"`
	Hint      *string  `json:"hint"`
}

func clauses(of []model.Clause) []clause {
	all := []clause{}
	for _, c := range of {
		told := clause{Action: orNull(string(c.Action)), Instances: called(c.Instances), Reason: string(c.Reason), Also: []string{}, Others: called(c.Others),
			Text: reason.Why(c), Hint: orNull(reason.Hint(c))}
		for _, r := range c.Also {
			told.Also = append(told.Also, string(r))
		}
		all = append(all, told)
	}
	return all
}

func called(of []model.Instance) []string {
	all := []string{}
	for _, i := range of {
		all = append(all, i.Name())
	}
	return all
}

type instance struct {
	peer
	Healthy bool `json:"healthy"`
}

// peer is what is told of any instance.
type peer struct {
	Address          string   `json:"address"`
	Role             *string  `json:"role"`
	State            string   `json:"state"`
	Error            *string  `json:"error"`
	RedisVersion     *string  `json:"redis_version"`
	LatencySeconds   *float64 `json:"latency_seconds"`
	Master           *string  `json:"master"`
	LinkUp           *bool    `json:"link_up"`
	LagBytes         *int64   `json:"lag_bytes"`
	UsedMemoryBytes  *int64   `json:"used_memory_bytes"`
	ConnectedClients *int64   `json:"connected_clients"`
	// LastSave is in seconds since 1970.
	LastSave       *int64 `json:"last_save_timestamp_seconds"`
	LastSaveOK     *bool  `json:"last_save_ok"`
	AOFEnabled     *bool  `json:"aof_enabled"`
	AOFLastWriteOK *bool  `json:"aof_last_write_ok"`
}

type witness struct {
	Address string `json:"address"`
	Counts  bool   `json:"counts"`
	Answers bool   `json:"answers"`
}

// JSON is the scene as one object and a line break.
func JSON(s Scene) ([]byte, error) {
	d := document{Schema: 1, Verdict: s.Health.String(), Healthy: s.Health.EnoughForVIP(), Sentence: reason.Verdict(s.Verdict), Reasons: clauses(s.Parts),
		State: orNull(s.State), StateReason: orNull(string(s.Why.Reason)), Decision: clauses(s.Decision),
		VIPHeld: s.VIPHeld, Fenced: s.Fenced, Maintenance: orNull(s.Maintenance), Instances: []instance{}, Peers: []peer{},
		Warnings: append([]string{}, s.Warnings...), CheckedAt: s.At.UTC().Format(time.RFC3339Nano), Took: seconds(s.Took), Version: s.Version}
	if len(d.Reasons) > 0 {
		d.Reason = &d.Reasons[0].Reason
	}
	for _, in := range s.Instances {
		d.Instances = append(d.Instances, instance{s.told(in.Look), in.Healthy})
	}
	for _, p := range s.Peers {
		d.Peers = append(d.Peers, s.told(p))
	}
	if s.Witness.Name != "" {
		d.Witness = &witness{s.Witness.Name, s.Witness.Counts, s.Witness.Answers}
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode what the check saw: %w", err)
	}
	return append(printable(b), '\n'), nil
}

// printable escapes what encoding/json leaves as it is and a terminal may take for an order: DEL, the controls from U+0080
// on, marks that turn the direction of the text. Such runes stand inside strings only.
func printable(b []byte) []byte {
	odd := func(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }
	if !bytes.ContainsFunc(b, odd) {
		return b
	}
	var out []byte
	for _, r := range string(b) {
		if !odd(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}

func (s *Scene) told(l model.Look) peer {
	p := peer{Address: l.Instance.Name(), Role: orNull(string(l.Role())), State: key(l.State)}
	if l.Err != nil {
		p.Error = orNull(l.Err.Error())
	}
	if l.State.Alive() {
		p.LatencySeconds = seconds(l.Took)
	}
	if l.Info == nil {
		return p
	}
	i := l.Info
	p.RedisVersion = orNull(i.VersionText)
	if l.Role() == model.Replica {
		p.LinkUp = &i.LinkUp
		if m := master(l); m.IsValid() {
			p.Master = orNull(m.String())
		}
	}
	if n, known := s.lag(l); known {
		p.LagBytes = &n
	}
	p.UsedMemoryBytes, p.ConnectedClients, p.LastSave = number(i.UsedMemory), number(i.Clients), number(i.LastSave)
	p.LastSaveOK, p.AOFLastWriteOK = wentWell(i.SaveStatus), wentWell(i.AOFStatus)
	if i.AOF.Known {
		on := i.AOF.Value == 1
		p.AOFEnabled = &on
	}
	return p
}

func seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

func number(f model.Figure) *int64 {
	if !f.Known {
		return nil
	}
	return &f.Value
}

func wentWell(s model.Status) *bool {
	if s == "" {
		return nil
	}
	ok := s == model.StatusOK
	return &ok
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
