package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
)

// TestAReplacedGraphToken: a bridge goes on with the token that its file has when
// Graph does not take the one before, without a restart.
func TestAReplacedGraphToken(t *testing.T) {
	good := "first-token"
	g := startOddGraph(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+good {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprint(w, `{"value":[{"id":"a"}]}`)
	})
	name := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(good)
	b := cliRunBridge(t, g.URL+"/beta", map[string]string{"BRIDGE_GRAPH_TOKEN": "", "BRIDGE_GRAPH_TOKEN_FILE": name})
	nc, err := nats.Connect(b.vars["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var reply struct{ Devices []struct{ ID string } }
	for _, good = range []string{"first-token", "second-token", "third-token"} {
		write(good)
		if err := b.ask(nc, "devices.list", `{"refresh":true}`, &reply); err != nil || len(reply.Devices) != 1 {
			t.Errorf("with the %s: %+v, %v", good, reply, err)
		}
	}
}
