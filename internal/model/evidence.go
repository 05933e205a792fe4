package model

import "time"

// Source is by which way a look came.
type Source int

// The sources.
const (
	// Asked: this run has asked the instance.
	Asked Source = iota
	// Held: a connection that was there before has said it, or has ended.
	Held
	// Told: a program on the instance's own host has said it.
	Told
)

// Evidence is where a look comes from, and how old it is. Its kind is the state that it found. The zero value is that of a look of this round.
type Evidence struct {
	Source Source
	// Age is the time from the look to the decision.
	Age time.Duration
}

// SaysNothing: nobody looked, or what was found shows no silence of now.
func (l Look) SaysNothing() bool { return l.State == Unseen || l.State == Silent && !l.ShowsSilence() }

// ShowsSilence: it shows that the network to the instance does not work now. What was found earlier does not, and nobody else can tell.
func (l Look) ShowsSilence() bool {
	return l.State == Silent && l.Source != Told && l.Age <= MinLookGap
}
