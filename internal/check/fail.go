package check

import (
	"context"
	"io"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
)

// noVerdict is the verdict of a check that has come to none within limit, because ctx has ended.
func noVerdict(ctx context.Context, limit time.Duration) model.Verdict {
	return unhealthy(model.Clause{Reason: reason.NoVerdict, For: limit, Name: context.Cause(ctx).Error()})
}

func unhealthy(why model.Clause) model.Verdict {
	return model.Verdict{Health: model.Unhealthy, Parts: []model.Clause{why}}
}

// fail tells of what ends a check without a verdict: people on the error output, and the log, because keepalived throws
// that output away. It returns the exit code.
func fail(errOut io.Writer, err error, alsoLog bool, code int) int {
	program.Fail(errOut, name, err)
	if alsoLog {
		log := program.OpenQuiet(name)
		defer log.Close()
		log.Error().Msg(err.Error())
	}
	return code
}
