package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/program"
)

// setupTime bounds one step of setting up an instance: systemd, and the programs that enable init scripts.
const setupTime = 30 * time.Second

// verbs are what sets up instances, beside the actions.
var verbs = []string{"install", "uninstall", "create"}

const aboutSetup = `Sets up Redis instances on this host.

  install PORT…    has them started at boot: by systemd, with a small unit redisPORT.service as another name of the
                   instance's own; else by an init script /etc/init.d/redisPORT that runs this program
  uninstall PORT…  takes that back; what runs goes on, and data and configuration stay
  create PORT…     makes new instances: configuration and data directory. It writes over nothing, and starts nothing. Their
                   password is that of /etc/keepalived/redis.password, which is made with a new one if it is not there

Examples:
  # redis-initd create 7000 7001 7002 --bind 192.168.9.70 --vip 192.168.9.91 --cluster
  # redis-initd install 7000 7001 7002
  # redis-initd all start`

type setup struct {
	Verb    string     `arg:"" enum:"install,uninstall,create" help:"install, uninstall or create."`
	Ports   []string   `arg:"" optional:"" help:"Ports of the instances." placeholder:"PORT"`
	Bind    netip.Addr `help:"create: the address of this host." placeholder:"ADDRESS"`
	VIP     netip.Addr `help:"create: the virtual address by which clients come." placeholder:"ADDRESS" name:"vip"`
	Cluster bool       `help:"create: nodes of a Redis Cluster."`
	// The password of new instances.
	PasswordFile string `help:"create: the file with the password; of the other host, if that has one." placeholder:"FILE"`
	NoPassword   bool   `help:"create: without a password."`

	Config string `help:"Configuration file." placeholder:"FILE"`

	cfg  *config.Config
	out  io.Writer
	said func(error)
	// made are the ports of the instances that this run has made.
	made []uint16
}

func isSetup(args []string) bool { return len(args) > 0 && slices.Contains(verbs, args[0]) }

// setUp parses the command line of a verb, and carries it out.
func setUp(ctx context.Context, args []string, out, errOut io.Writer) int {
	s := setup{out: out, said: func(err error) { program.Fail(errOut, name, err) }}
	if code := parse(&s, aboutSetup, name+" "+args[0], args, out, errOut); code >= 0 {
		return code
	}
	ports, err := s.ports()
	if err != nil {
		s.said(err)
		return badArguments
	}
	if err := s.load(); err != nil {
		s.said(err)
		return notConfigured
	}
	worst := success
	for _, port := range ports {
		ctx, cancel := context.WithTimeoutCause(ctx, setupTime, fmt.Errorf("it had %s", setupTime))
		if err := s.do(ctx, port); err != nil {
			s.said(fmt.Errorf("%s %d: %w", s.Verb, port, err))
			worst = max(worst, codeOf(err))
		}
		cancel()
	}
	return worst
}

// ports checks the words of the command line.
func (s *setup) ports() ([]uint16, error) {
	if len(s.Ports) == 0 {
		return nil, fmt.Errorf("%s: no port is named; hint: %s %s 7000", s.Verb, name, s.Verb)
	}
	if s.Verb == "create" && !s.Bind.IsValid() {
		return nil, fmt.Errorf("create: the address of this host is missing; hint: --bind 192.168.9.70")
	}
	if s.Verb != "create" && (s.Bind.IsValid() || s.VIP.IsValid() || s.Cluster || s.PasswordFile != "" || s.NoPassword) {
		return nil, fmt.Errorf("%s: --bind, --vip, --cluster, --password-file and --no-password are for create", s.Verb)
	}
	if s.PasswordFile != "" && s.NoPassword {
		return nil, errors.New("create: --password-file and --no-password are not both possible")
	}
	if s.Bind.IsUnspecified() || s.Bind.IsLoopback() {
		return nil, fmt.Errorf("create: %s is no address by which the other host knows this one; hint: --bind 192.168.9.70", s.Bind)
	}
	var ports []uint16
	for _, word := range s.Ports {
		n, err := strconv.ParseUint(word, 10, 16)
		switch {
		case err != nil || n == 0:
			return nil, fmt.Errorf("%s: %q is no port; hint: %s %s 7000", s.Verb, word, name, s.Verb)
		case n == 6379:
			return nil, fmt.Errorf("%s: 6379 is the port of the distribution's own service, which is left alone; hint: take another, as 7000", s.Verb)
		case s.Cluster && n > 55535:
			return nil, fmt.Errorf("%s: %d leaves no room for the port of the cluster bus, 10000 above; hint: take one below 55536", s.Verb, n)
		}
		ports = append(ports, uint16(n))
	}
	return ports, nil
}

// load reads the configuration. A host without instances has none to be found yet.
func (s *setup) load() error {
	cfg, err := config.LoadOrLastGood(config.Options{File: s.Config, ReadOnly: true})
	if errors.Is(err, config.ErrNothingConfigured) {
		cfg, err = &config.Config{Service: config.Service{Conf: defaultConf, Server: "redis-server"}, RunDir: config.DefaultRunDir, StateDir: config.DefaultStateDir}, nil
	}
	s.cfg = cfg
	return err
}

func (s *setup) do(ctx context.Context, port uint16) error {
	switch s.Verb {
	case "create":
		return s.create(ctx, port)
	case "install":
		return s.install(ctx, port)
	default:
		return s.uninstall(ctx, port)
	}
}

// instance is the one of a port: as configured, else as it is going to be.
func (s *setup) instance(port uint16) config.Instance {
	for _, i := range s.cfg.Instances {
		if i.Port == port {
			return i
		}
	}
	addr := s.Bind
	if !addr.IsValid() {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return config.Instance{Addr: netip.AddrPortFrom(addr, port), Port: port, Conf: s.conf(port)}
}

func (s *setup) tell(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }
