package model

// Down: it answers nothing: it refuses connections, closes them, takes them and says nothing, or is silent.
func (s State) Down() bool {
	return s == Refused || s == Stalled || s == Dropped || s == Silent
}

// Absent: nobody can ask a local instance how it is linked, because it is down or works.
func Absent(l Look) bool { return l.State.Down() || l.State == Working }

// GivesNoAnswer: it has taken the connection, or its queue of connections is full and a SYN was dropped without a word.
func GivesNoAnswer(l Look) bool { return l.State == Stalled || l.State == Silent }

// IsBusy: the instance works, or says that a script runs in it.
func IsBusy(s State) bool { return s == Busy || s == Working }
