package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"keepalived-redis/internal/model"
)

// look asks over one connection of go-redis, and closes it: the way through TLS.
func look(ctx context.Context, c *Conn) model.Look {
	start := time.Now()
	defer c.Close()
	pipe := c.client.Pipeline()
	pong, infoReply, nodesReply := pipe.Ping(ctx), pipe.Info(ctx), pipe.ClusterNodes(ctx)
	var term *goredis.StringCmd
	if c.target.Paired {
		term = pipe.Get(ctx, model.TermKey)
	}
	_, execErr := pipe.Exec(ctx)
	look := inquire(c.target)
	look.Took = time.Since(start)
	look.Err = pong.Err()
	if look.Err == nil && execErr != nil && pong.Val() == "" {
		look.Err = execErr // the connection never came to be
	}
	look.State = Classify(look.Err)
	wire := c.wire.Load()
	if wire != nil && (look.State == model.Dropped || look.State == model.NotRedis) {
		look.parted(wire.first[:wire.n])
	}
	if wire == nil && !errors.As(look.Err, new(connError)) {
		look.State = model.Unseen // our own time was over before the dial was
	}
	if look.State == model.Up && pong.Val() != "PONG" {
		look.State, look.Err = model.NotRedis, fmt.Errorf("PING was answered by %.40q", pong.Val())
	}
	if look.State.Alive() {
		look.read(reply{text: infoReply.Val(), err: infoReply.Err()}, reply{text: nodesReply.Val(), err: nodesReply.Err()})
		if term != nil {
			look.term(reply{text: term.Val(), err: term.Err()})
		}
	}
	return look.Look
}
