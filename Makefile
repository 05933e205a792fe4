# make build    the programs, into build/
# make demo     a box dies: shown as it happens, beside the old scripts; installs keepalived and Redis if they are missing
# make lab SCENARIO=name RUNS=n    one scenario of the lab (make lab alone lists them)

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS = -s -w -X keepalived-redis/internal/program.version=$(VERSION)
RUNS ?= 1
export CGO_ENABLED = 0

.PHONY: build demo lab

build:
	@mkdir -p build
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o build/ ./cmd/...
	$(GO) build -o build/redis-lab ./lab/cmd/lab

demo: build
	@build/redis-lab demo

lab: build
	@build/redis-lab run --runs $(RUNS) $(SCENARIO)
