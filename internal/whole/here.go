//go:build !quiet

package whole

// Here tells that this program is whole, and may do what it finds to do.
const Here = true
