package model

// Absent: nobody can ask a local instance how it is linked, because it is dead, hangs or is busy.
func Absent(l Look) bool {
	switch l.State {
	case Refused, Stalled, Working, Dropped, Silent:
		return true
	}
	return false
}

// GivesNoAnswer: it has taken the connection, or its queue of connections is full and a SYN was dropped without a word.
func GivesNoAnswer(l Look) bool { return l.State == Stalled || l.State == Silent }

// busy: the instance works, or says that a script runs in it.
func IsBusy(s State) bool { return s == Busy || s == Working }
