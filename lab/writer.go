package lab

// Writer is a write probe that runs on a host.
type Writer struct{}
