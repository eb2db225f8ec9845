package bus

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/conf"
	"github.com/nats-io/nats-server/v2/server"
)

// fileSettings are the settings of a NATS server that a configuration file may
// have for the embedded server, in lower case.
func fileSettings() []string {
	return []string{
		"listen", "host", "net", "port", "client_advertise", "tls", "accounts", "leafnodes", "leaf",
		"max_connections", "max_conn", "max_subscriptions", "max_subs", "max_control_line", "max_pending",
		"ping_interval", "ping_max", "write_deadline",
	}
}

// refusedSettings says of those that it may not have, where somebody may look for
// one, what to do instead.
func refusedSettings() map[string]string {
	streams := "the streams are the bridge's: BRIDGE_DATA_DIR says where they are, BRIDGE_STREAM_MAX_BYTES how large they get, and BRIDGE_NATS_SYNC how they are synced"
	one := "the embedded server is one server; run a NATS cluster and set NATS_URL"
	users := "users stand in an account here: accounts { APPS { users: [{user: …, password: …}] } }"
	operator := "accounts and users stand in the file itself; for others run a NATS server and set NATS_URL"
	log := "the bridge writes the log; see BRIDGE_LOG_LEVEL"
	monitor := "see BRIDGE_ADMIN_ADDR for how the bridge is"
	return map[string]string{
		"jetstream": streams, "store_dir": streams, "storedir": streams, "cluster": one, "gateway": one,
		"authorization": users, "no_auth_user": users,
		"operator": operator, "operators": operator, "resolver": operator, "system_account": operator, "system": operator,
		"debug": log, "trace": log, "logfile": log, "log_file": log,
		"http": monitor, "https": monitor, "http_port": monitor, "monitor_port": monitor, "https_port": monitor,
	}
}

// Check reports what keeps an embedded server from being started as o says, as far
// as that can be known without starting it: the listener and the configuration
// file.
func (o ServerOptions) Check() error {
	_, err := o.base()
	return err
}

// Address gives the host and port that a server started as o says would listen on,
// without starting it.
func (o ServerOptions) Address() (string, error) {
	base, err := o.base()
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(base.Host, strconv.Itoa(base.Port)), nil
}

// base gives the server's options as far as o.Listen and the configuration file
// say them. The file is read anew by each call, since a server keeps its accounts.
func (o ServerOptions) base() (*server.Options, error) {
	file := &server.Options{}
	if o.ConfigFile != "" {
		if err := fileFaults(o.ConfigFile); err != nil {
			return nil, fmt.Errorf("NATS configuration %s: %w", o.ConfigFile, err)
		}
		var err error
		if file, err = server.ProcessConfigFile(o.ConfigFile); err != nil {
			return nil, fmt.Errorf("NATS configuration: %w", err)
		}
		file.ConfigFile = "" // nobody reloads it
		if err := errors.Join(userFaults(file), leafFaults(file)); err != nil {
			return nil, fmt.Errorf("NATS configuration %s: %w", o.ConfigFile, err)
		}
	}
	if file.Host == "" && file.Port == 0 {
		var err error
		if file.Host, file.Port, err = listenAddress(o.Listen); err != nil {
			return nil, err
		}
	}
	if file.Host == "" {
		file.Host = server.DEFAULT_HOST
	}
	if file.Port == 0 {
		file.Port = server.DEFAULT_PORT
	}
	return file, o.reachable(file)
}

// reachable refuses to listen to other machines without knowing who is there, and
// in plain text.
func (o ServerOptions) reachable(file *server.Options) error {
	if loopback(file.Host) {
		return nil
	}
	var missing []string
	if !hasUsers(file) {
		missing = append(missing, "accounts with users")
	}
	if file.TLSConfig == nil {
		missing = append(missing, "tls with cert_file and key_file")
	}
	if len(missing) == 0 {
		return nil
	}
	where := "the NATS server configuration file that BRIDGE_NATS_CONFIG names"
	if o.ConfigFile != "" {
		where = o.ConfigFile
	}
	return fmt.Errorf("NATS listener %q: without authentication and TLS only a loopback address is taken; %s is missing in %s. Or run a NATS server and set NATS_URL",
		file.Host, strings.Join(missing, ", and "), where)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// hasUsers reports whether clients have to say who they are.
func hasUsers(file *server.Options) bool { return len(file.Users)+len(file.Nkeys) > 0 }

// fileFaults reports the settings of a configuration file that are not taken,
// which the server's own reader would take.
func fileFaults(name string) error {
	settings, err := conf.ParseFileWithChecks(name)
	if err != nil {
		return err
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		lower := strings.ToLower(key)
		switch why := refusedSettings()[lower]; {
		case why != "":
			faults = append(faults, fmt.Errorf("%s is not taken: %s", key, why))
		case !slices.Contains(fileSettings(), lower) && !isVariable(settings[key]):
			faults = append(faults, fmt.Errorf("%s is not taken; it takes %s", key, strings.Join(fileSettings(), ", ")))
		case lower == "accounts":
			faults = append(faults, accountFaults(settings[key])...)
		}
	}
	return errors.Join(faults...)
}

// isVariable reports whether a setting only is what another refers to as $NAME.
func isVariable(setting any) bool {
	token, is := setting.(interface{ IsUsedVariable() bool })
	return is && token.IsUsedVariable()
}

func accountFaults(setting any) []error {
	var faults []error
	accounts := members(setting)
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		if slices.Contains([]string{bridgeAccount, guestAccount, server.DEFAULT_SYSTEM_ACCOUNT, server.DEFAULT_GLOBAL_ACCOUNT}, name) ||
			strings.HasPrefix(name, guestAccount+"-") {
			faults = append(faults, fmt.Errorf("account %s is not taken: the name has a meaning already; choose another", name))
		}
		for key := range members(accounts[name]) {
			if strings.EqualFold(key, "jetstream") {
				faults = append(faults, fmt.Errorf("account %s: jetstream is not taken: the only streams are the bridge's, and every account of the file sees those of events", name))
			}
		}
	}
	return faults
}

// members gives what is in a block of a configuration file; nil where it is none.
func members(setting any) map[string]any {
	if token, is := setting.(interface{ Value() any }); is {
		setting = token.Value()
	}
	block, _ := setting.(map[string]any)
	return block
}
