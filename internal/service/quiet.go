//go:build quiet

package service

import (
	"context"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/whole"
)

func manager(*config.Config, state.Dir, state.Dir, bool) Manager { return nobody{} }

// nobody manages the instances of a quiet check: whatever it is asked, it hands over.
type nobody struct{}

func (nobody) Start(context.Context, config.Instance) error {
	whole.Run()
	return nil
}

func (nobody) Stop(context.Context, config.Instance, bool) error {
	whole.Run()
	return nil
}

func (nobody) Kill(context.Context, config.Instance) error {
	whole.Run()
	return nil
}

func (nobody) Status(context.Context, config.Instance) State {
	whole.Run()
	return State{}
}
