# make demo     a host dies: shown as it happens, beside the old scripts
# make test     all tests: vet, staticcheck, units on real servers, each scenario of the lab once
# make build    the programs, into build/
# make lab SCENARIO=name RUNS=n    one scenario of the lab; make lab alone lists them
# make packages KEY=file           RPM and DEB, into dist/; signed if a key is given
# make test-long [AGAIN=1]         every scenario as often as is promised (almost three hours), and a table of the figures
# make fuzz FUZZTIME=30s           every fuzz test for that long
# make storm MINUTES=n SEED=s [VARIANTS=follow,stay,async,replicated] [AGAIN=1]
#                                  random faults on the lab, and what was promised checked after each
# make storm-check                 the check on hung and dying instances, killed and many at once, as often as is promised
# make bench-check RUNS=200        what one check costs, beside the old script, redis-cli and C
# make bench-clients RUNS=3        how soon go-redis, ioredis, redis-py and redis-cli write again after a host died
# make bench-failover RUNS=3       failover, beside Sentinel, a cluster of three hosts and the old scripts; DOCS=1 writes it into docs/
#
# test-long and storm go on where they were interrupted, also by kill -9: what is finished is kept in build/lab, with the commit it was built
# from. A run that failed is done again. AGAIN=1 begins anew, as a new commit does not by itself; the results at the end name their commits.
#
# demo, test and lab install keepalived and Redis if they are missing (as root, their services are not started by it), or
# print the one command that does.

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS = -s -w -X keepalived-redis/internal/program.version=$(VERSION)
RUNS ?= 1
FUZZTIME ?= 30s
MINUTES ?= 2
SEED ?= 0
VARIANTS ?=
AGAIN ?=
# How many packages are tested side by side.
TOGETHER ?= 3
# CentOS 6 runs nothing that a newer Go builds.
OLDEST_GO = go1.23.12
export CGO_ENABLED = 0

.PHONY: build demo lab test check units scenarios fuzz storm-check bench-check bench-clients packages test-long bench-failover storm clean

build:
	@mkdir -p build
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o build/ ./cmd/...
	$(GO) build -o build/redis-lab ./lab/cmd/lab

demo: build
	@build/redis-lab demo

packages:
	cd tools && $(GO) run ./packages -version '$(VERSION)' $(if $(KEY),-key '$(abspath $(KEY))')

lab: build
ifdef SCENARIO
	@build/redis-lab run --runs $(RUNS) $(SCENARIO)
else
	@build/redis-lab list
endif

test: check units scenarios

# With -trimpath as the packages and the test with an old kernel are built: the standard library is compiled once for all of them.
check:
	@test -z "$$(gofmt -l cmd docs internal lab packaging tools)" || { echo "gofmt would change: $$(gofmt -l cmd docs internal lab packaging tools)"; exit 1; }
	GOTOOLCHAIN=$(OLDEST_GO) $(GO) vet -trimpath ./...
	cd tools && $(GO) build -o ../build/staticcheck honnef.co/go/tools/cmd/staticcheck
	cd tools && GOTOOLCHAIN=$(OLDEST_GO) $(GO) vet -trimpath ./packages
	build/staticcheck ./...

# The tests wait for servers, machines and time-outs for most of their time: three packages keep two CPUs busy.
units: build
	@build/redis-lab install
	$(GO) test -p $(TOGETHER) -timeout 20m $$($(GO) list ./... | grep -vE '/packaging$$|/lab(/probe|/race|/machines)?$$')

# The probe and the scenarios measure milliseconds, so nothing else runs beside them; nor beside keepalived's adverts of 0.1 s. The packages'
# tests build everything twice, which leaves the systemd of another test no CPU.
scenarios: build
	@build/redis-lab install
	$(GO) test -count=1 -timeout 20m -p 1 ./lab/probe ./lab/race ./lab ./lab/machines ./packaging

# What make test has not: every scenario, three to ten runs each, and a storm in each mode that is always the same (one storm of two minutes
# would end in its first lab). The results are in build/lab, the medians in the table at the end. AGAIN is handed on to the storms by make.
test-long: build
	@build/redis-lab all $(if $(AGAIN),--again)
	@$(MAKE) storm MINUTES=2 SEED=7 VARIANTS=replicated
	@$(MAKE) storm MINUTES=2 SEED=7 VARIANTS=follow

fuzz:
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' internal cmd | xargs -n1 dirname | sort -u); do \
		for name in $$(grep -rhoE '^func Fuzz\w+' $$dir | sed 's/^func //'); do \
			echo "$$dir $$name"; $(GO) test ./$$dir -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME); \
		done; \
	done

# A finding prints the seed, what happened, and the smallest storm that still shows it. To go on, a storm needs the seed that it printed.
storm: build
	@$(GO) build -o build/redis-storm ./lab/cmd/storm
	@build/redis-storm --minutes $(MINUTES) --seed $(SEED) --variants "$(VARIANTS)" $(if $(AGAIN),--again)

# The same tests as in units, hundreds of runs each. They compare times, so nothing else should run beside them.
storm-check: build
	@build/redis-lab install
	REDIS_STORM=full $(GO) test -count=1 -timeout 20m -v -run '^TestStorm' ./cmd/chk-redis

bench-check: RUNS = 200
bench-check: build
	@build/redis-lab install
	@$(GO) build -o build/bench-check ./bench
	@build/bench-check -runs $(RUNS)

bench-clients: RUNS = 3
bench-clients: build
	@build/redis-lab install
	@lab/clients/install.sh build/clients
	@$(GO) build -o build/bench-clients ./lab/clients
	@build/bench-clients -runs $(RUNS)

# Which faults and systems: FAULTS=host-dies,switchover SYSTEMS=ours-v3-0.1,sentinel-1s
bench-failover: RUNS = 3
bench-failover: build
	@$(GO) build -o build/redis-race ./lab/cmd/race
	@build/redis-race -rounds $(RUNS) $(if $(FAULTS),-faults $(FAULTS)) $(if $(SYSTEMS),-systems $(SYSTEMS)) $(if $(DOCS),-docs)

clean:
	rm -rf build dist
