package session

import (
	"math"
	"math/rand/v2"

	"keepalived-redis/internal/state"
)

// OwnerFile keeps the number by which this host marks the terms that it raises. Durable.
const OwnerFile = "owner.json"

// owner is a random number that is made once. 0 and 1 stand for none.
type owner struct {
	Number uint32 `json:"number"`
}

// Owner is the number of this host, 0 for none.
func (s *Store) Owner() uint32 { return s.numberBy(s.Peek) }

// MakeOwner is Owner for what is about to raise a term: it makes the number where there is none. It stays 0 where it cannot be kept.
func (s *Store) MakeOwner() uint32 {
	if n := s.numberBy(s.Load); n != 0 || s.dry {
		return n
	}
	o := owner{Number: 2 + rand.Uint32N(math.MaxUint32-1)}
	if err := s.Durable.Store(OwnerFile, o); err != nil {
		s.log.Warn().Err(err).Msg("state cannot be kept, going on without it")
		return 0
	}
	return o.Number
}

func (s *Store) numberBy(read func(state.Dir, string, any) bool) uint32 {
	var o owner
	if !read(s.Durable, OwnerFile, &o) || o.Number>>1 == 0 {
		return 0
	}
	return o.Number
}
