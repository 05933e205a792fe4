package scripttest

import (
	"github.com/rogpeppe/go-internal/testscript"

	"keepalived-redis/internal/testing/tlstest"
)

// issue NAME…: an authority NAME.crt, and of it NAME-server, NAME-client and NAME-expired, each as .crt and .key. The server's
// is for NAME.example, the expired one is, too.
func issue(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "issue NAME…")
	for _, name := range args {
		a, err := tlstest.New(ts.Getenv("WORK"), name, tlstest.Template())
		ts.Check(err)
		_, _, err = a.Issue(name+"-server", tlstest.Template(name+".example"))
		ts.Check(err)
		_, _, err = a.Issue(name+"-client", tlstest.Template())
		ts.Check(err)
		_, _, err = a.Issue(name+"-expired", tlstest.Expired(name+".example"))
		ts.Check(err)
	}
}
