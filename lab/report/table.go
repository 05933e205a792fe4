package report

// Row is one system in the table: the name and what it measured, usually a median.
type Row struct {
	System string
	Result Result
}

// Table compares systems on one fault: a line each, aligned, for a terminal.
func Table(rows ...Row) string { return "" }
