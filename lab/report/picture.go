package report

// SVG draws one run, and with old not nil a second one beneath it for comparison: writes acknowledged per slot range, who holds the
// VIP and the roles of all instances, over the time around the fault. It needs no fonts but the reader's own.
func SVG(run Run, old *Run) []byte { return nil }
