package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/signin"
)

// personalTenants are the tenant names under which personal Microsoft accounts,
// the only ones with device commands, sign in: the last is the id of their tenant.
func personalTenants() []string {
	return []string{"", signin.PersonalTenant, "common", "9188040d-6c67-4c5b-b112-36a304b66dad"}
}

func personalTenant(name string) bool {
	return slices.ContainsFunc(personalTenants(), func(known string) bool { return strings.EqualFold(known, name) })
}

// sends reports whether device commands are on, directs whether the directory is,
// and feeds whether the inventory is.
func (c config) sends() bool   { return c.Commands != switchedOff }
func (c config) directs() bool { return c.Directory != switchedOff }
func (c config) feeds() bool   { return c.Inventory != switchedOff }

// needs says what tokens are for.
func (c config) needs() signin.Needs {
	return signin.Needs{Commands: c.sends(), Directory: c.directs(), DirectoryWrite: c.Directory == directoryWrite}
}

// directoryURL gives the v1.0 endpoint beside the beta endpoint of commands: only
// there is the directory's device resource out of preview.
func directoryURL(graphURL string) string {
	if root, found := strings.CutSuffix(strings.TrimRight(graphURL, "/"), "/beta"); found {
		return root + "/v1.0"
	}
	return graphURL
}

// scopes are those that tokens are asked for with.
func (c config) scopes() []string {
	if given := strings.Fields(c.GraphScopes); len(given) > 0 {
		return given
	}
	return signin.Scopes(c.GraphAuth, signin.Resource(c.GraphURL, c.Azure.AuthorityHost), c.needs())
}

// signInFaults checks how the bridge is to sign in, before anything is started. A
// mode that can never do what is switched on is refused here and not by Graph.
func signInFaults(c config) []error {
	faults := c.Azure.faults(c.GraphAuth != signin.Static)
	fault := func(bad bool, name, format string, a ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(name+": "+format, a...))
		}
	}
	mode := c.GraphAuth
	fault(mode == "", "BRIDGE_GRAPH_AUTH", "is missing; it takes %s", modeWords())
	fault(mode != "" && !mode.Known(), "BRIDGE_GRAPH_AUTH", "is %q; it takes %s", mode, modeWords())
	fault(c.sends() && mode.AppOnly(), "BRIDGE_GRAPH_AUTH",
		"is %s, which signs in as an application, and Graph has no application permission for device commands: "+
			"use device-code or browser with a personal Microsoft account, or BRIDGE_COMMANDS=off where no commands are to be sent", mode)
	fault(c.sends() && mode.Personal() && !personalTenant(c.Azure.TenantID), "AZURE_TENANT_ID",
		"is %s, where only work and school accounts sign in, and device commands take personal Microsoft accounts only: leave it out, or set it to consumers", c.Azure.TenantID)
	fault(!c.sends() && !c.directs(), "BRIDGE_COMMANDS", "is off, and BRIDGE_DIRECTORY too: there is nothing to do; switch one on")
	fault(c.sends() && c.directs() && mode.Known() && mode != signin.Static, "BRIDGE_DIRECTORY",
		"is %s: device commands take a personal Microsoft account and the directory takes none, so that one sign-in cannot do both: "+
			"run a second devicebridge with BRIDGE_COMMANDS=off and a BRIDGE_SUBJECT_PREFIX of its own for the directory", c.Directory)
	fault(c.directs() && !c.sends() && mode.Personal() && personalTenant(c.Azure.TenantID) && !strings.EqualFold(c.Azure.TenantID, "common"), "AZURE_TENANT_ID",
		"is %q, where only personal Microsoft accounts sign in, and the directory takes work and school accounts only: set it to the directory's", c.Azure.TenantID)
	fault(c.feeds() && !c.directs(), "BRIDGE_INVENTORY", "is on: it reads the directory; set BRIDGE_DIRECTORY=read too")
	required := func(name, value string, modes ...signin.Mode) {
		fault(value == "" && slices.Contains(modes, mode), name, "is missing; BRIDGE_GRAPH_AUTH=%s needs it", mode)
	}
	required("BRIDGE_GRAPH_TOKEN", c.GraphToken, signin.Static)
	required("AZURE_CLIENT_ID", c.Azure.ClientID, signin.DeviceCode, signin.Browser, signin.WorkloadIdentity, signin.ClientSecret, signin.ClientCertificate)
	required("AZURE_TENANT_ID", c.Azure.TenantID, signin.WorkloadIdentity, signin.ClientSecret, signin.ClientCertificate)
	required("AZURE_FEDERATED_TOKEN_FILE", c.Azure.FederatedTokenFile, signin.WorkloadIdentity)
	required("AZURE_CLIENT_SECRET", c.Azure.ClientSecret, signin.ClientSecret)
	required("AZURE_CLIENT_CERTIFICATE_PATH", c.Azure.CertificatePath, signin.ClientCertificate)
	fault(c.NATS.URL != "" && c.SignInKey == "" && mode.Personal(), "BRIDGE_SIGNIN_KEY",
		"is missing; with NATS_URL every replica, and `devicebridge login`, needs the same: the base64 of 32 bytes, from openssl rand -base64 32")
	if mode == signin.ClientCertificate && len(faults) == 0 { // what serve would refuse when it starts
		if err := signin.CheckCredential(mode, c.Azure.application(nil)); err != nil {
			faults = append(faults, fmt.Errorf("AZURE_CLIENT_CERTIFICATE_PATH: %s", strings.TrimPrefix(err.Error(), "sign-in: ")))
		}
	}
	if c.GraphToken != "" {
		_, err := graph.StaticToken(c.GraphToken)
		if err != nil {
			faults = append(faults, named("BRIDGE_GRAPH_TOKEN", err))
		}
	}
	if c.SignInKey != "" {
		_, err := signin.ParseKey(c.SignInKey)
		fault(err != nil, "BRIDGE_SIGNIN_KEY", "is %w", err)
	}
	return faults
}

func modeWords() string {
	words := make([]string, 0, len(signin.Modes()))
	for _, m := range signin.Modes() {
		words = append(words, string(m))
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// signInKey reads the key that seals the sign-in. With the embedded server it is
// made once and kept beside the data.
func signInKey(text, dataDir string, create bool) (*signin.Key, error) {
	if text != "" {
		key, err := signin.ParseKey(text)
		if err != nil {
			return nil, usageError{fmt.Errorf("BRIDGE_SIGNIN_KEY: is %w", err)}
		}
		return key, nil
	}
	file := filepath.Join(dataDir, "signin-key")
	read := os.ReadFile
	if create {
		read = func(file string) ([]byte, error) { return madeOnce(file, signin.NewKey) }
	}
	kept, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("sign-in key: %w", err)
	}
	key, err := signin.ParseKey(string(kept))
	if err != nil {
		return nil, errors.New("sign-in key: " + file + " is " + err.Error())
	}
	return key, nil
}
