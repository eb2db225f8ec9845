package authority_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator/authority"
)

// The registrations that the refusals are about.
const (
	everybodyApp = "11111111-1111-4111-8111-111111111111"
	anyDirectory = "22222222-2222-4222-8222-222222222222"
	oneDirectory = "33333333-3333-4333-8333-333333333333"
	closedApp    = "44444444-4444-4444-8444-444444444444"
	otherTenant  = "55555555-5555-4555-8555-555555555555"
	otherUser    = "eve@fabrikam.example"
)

func registrations() authority.Options {
	return authority.Options{
		Apps: append(authority.DefaultApps(),
			authority.App{ID: everybodyApp, Name: "Everybody", Audience: authority.Everybody, Tenant: authority.Tenant, PublicClient: true,
				Delegated: []string{"Device.Command"}, Roles: []string{"Device.Read.All"}, Secrets: []authority.Secret{{Value: "s"}},
				AdminConsent: []string{"Device.Read.All"}},
			authority.App{ID: anyDirectory, Name: "Any", Audience: authority.AnyDirectory, Tenant: authority.Tenant, PublicClient: true},
			authority.App{ID: oneDirectory, Name: "One", Tenant: authority.Tenant, PublicClient: true,
				Secrets: []authority.Secret{{Value: "old", Expires: time.Now().Add(-time.Hour)}, {Value: "new", Expires: time.Now().Add(time.Hour)}}},
			authority.App{ID: closedApp, Name: "Closed", Audience: authority.Personal},
		),
		Accounts: append(authority.DefaultAccounts(), authority.Account{Username: otherUser, Tenant: otherTenant}),
	}
}

func TestRefusals(t *testing.T) {
	p := start(t, registrations())
	const device, grant = "devicecode", "token"
	tests := map[string]struct {
		tenant, endpoint string
		form             []string
		status           int
		oauth            string
		code             int
		text             string
	}{
		"unknown tenant":             {otherUser, device, []string{"client_id", everybodyApp, "scope", command}, 400, "invalid_request", 90002, otherUser},
		"no tenant's name":           {"contoso", device, []string{"client_id", everybodyApp, "scope", command}, 400, "invalid_request", 900023, "contoso"},
		"unknown client":             {"consumers", device, []string{"client_id", otherTenant, "scope", command}, 400, "unauthorized_client", 700016, "'Microsoft Accounts'"},
		"client of another tenant":   {otherTenant, device, []string{"client_id", oneDirectory, "scope", command}, 400, "unauthorized_client", 700016, otherTenant},
		"personal app at common":     {"common", device, []string{"client_id", authority.DeviceApp, "scope", command}, 400, "invalid_request", 9002331, "/consumers endpoint"},
		"work app at consumers":      {"consumers", device, []string{"client_id", anyDirectory, "scope", command}, 400, "invalid_request", 9002332, "do not use the /consumers endpoint"},
		"one directory at common":    {"common", device, []string{"client_id", oneDirectory, "scope", command}, 400, "invalid_request", 50194, "multi-tenant"},
		"one directory, consumers":   {"consumers", grant, []string{"client_id", oneDirectory, "grant_type", "client_credentials"}, 400, "invalid_request", 9002332, "Entra"},
		"no client":                  {"consumers", device, []string{"scope", command}, 400, "invalid_request", 900144, "client_id"},
		"no scope":                   {"consumers", device, []string{"client_id", authority.DeviceApp}, 400, "invalid_request", 900144, "scope"},
		"no grant":                   {"consumers", grant, []string{"client_id", authority.DeviceApp}, 400, "invalid_request", 900144, "grant_type"},
		"grant of passwords":         {"consumers", grant, []string{"client_id", authority.DeviceApp, "grant_type", "password"}, 400, "unsupported_grant_type", 70003, "password"},
		"unknown scope":              {"consumers", device, []string{"client_id", authority.DeviceApp, "scope", "Device.Fly"}, 400, "invalid_scope", 70011, "Device.Fly"},
		"scope without name":         {"consumers", device, []string{"client_id", authority.DeviceApp, "scope", "https://graph.microsoft.com/"}, 400, "invalid_scope", 70011, "graph"},
		"another API":                {"consumers", device, []string{"client_id", authority.DeviceApp, "scope", "https://api.example/x"}, 400, "invalid_resource", 500011, "api.example"},
		"two APIs":                   {"consumers", device, []string{"client_id", authority.DeviceApp, "scope", command + " https://graph.microsoft.us/Device.Read"}, 400, "invalid_scope", 28000, "more than one"},
		"public flows are off":       {"consumers", device, []string{"client_id", closedApp, "scope", command}, 401, "invalid_client", 70002, "public client"},
		"no credential":              {"consumers", grant, []string{"client_id", closedApp, "grant_type", "refresh_token", "refresh_token", "x"}, 401, "invalid_client", 7000218, "client_secret"},
		"public app as itself":       {authority.Tenant, grant, []string{"client_id", everybodyApp, "grant_type", "client_credentials", "scope", preset}, 401, "invalid_client", 7000218, "client_assertion"},
		"credential of a public":     {"consumers", grant, []string{"client_id", authority.DeviceApp, "grant_type", "refresh_token", "client_secret", "x"}, 401, "invalid_client", 700025, "public"},
		"wrong secret":               {authority.Tenant, grant, []string{"client_id", oneDirectory, "grant_type", "client_credentials", "scope", preset, "client_secret", "x"}, 401, "invalid_client", 7000215, "not its id"},
		"expired secret":             {authority.Tenant, grant, []string{"client_id", oneDirectory, "grant_type", "client_credentials", "scope", preset, "client_secret", "old"}, 401, "invalid_client", 7000222, "expired"},
		"no assertion type":          {authority.Tenant, grant, []string{"client_id", oneDirectory, "grant_type", "client_credentials", "scope", preset, "client_assertion", "x"}, 400, "invalid_request", 900144, "client_assertion_type"},
		"no JWT":                     {authority.Tenant, grant, []string{"client_id", oneDirectory, "grant_type", "client_credentials", "scope", preset, "client_assertion", "x", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, 401, "invalid_client", 50027, "malformed"},
		"app token at consumers":     {"consumers", grant, []string{"client_id", everybodyApp, "grant_type", "client_credentials", "scope", preset, "client_secret", "s"}, 400, "invalid_request", 9001023, "/consumers"},
		"app token at common":        {"common", grant, []string{"client_id", everybodyApp, "grant_type", "client_credentials", "scope", preset, "client_secret", "s"}, 400, "invalid_request", 9001023, "/common"},
		"app token, organizations":   {"organizations", grant, []string{"client_id", everybodyApp, "grant_type", "client_credentials", "scope", preset, "client_secret", "s"}, 400, "invalid_request", 50059, "tenant"},
		"app token, named scope":     {authority.Tenant, grant, []string{"client_id", everybodyApp, "grant_type", "client_credentials", "scope", "https://graph.microsoft.com/Device.Read.All", "client_secret", "s"}, 400, "invalid_scope", 1002012, "/.default"},
		"app token, both":            {authority.Tenant, grant, []string{"client_id", everybodyApp, "grant_type", "client_credentials", "scope", preset + " " + command, "client_secret", "s"}, 400, "invalid_scope", 1002012, "/.default"},
		"unknown device code":        {"consumers", grant, []string{"client_id", authority.DeviceApp, "grant_type", "device_code", "device_code", "x"}, 400, "bad_verification_code", 70018, "not known"},
		"unknown code":               {"consumers", grant, []string{"client_id", authority.DeviceApp, "grant_type", "authorization_code", "code", "x", "redirect_uri", "x"}, 400, "invalid_grant", 70000, "code"},
		"unknown refresh token":      {"consumers", grant, []string{"client_id", authority.DeviceApp, "grant_type", "refresh_token", "refresh_token", "x"}, 400, "invalid_grant", 9002313, "malformed"},
		"device code grant, no code": {"consumers", grant, []string{"client_id", authority.DeviceApp, "grant_type", "device_code"}, 400, "invalid_request", 900144, "device_code"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p.post(tt.tenant, tt.endpoint, tt.form...).refuses(t, tt.status, tt.oauth, tt.code, tt.text)
		})
	}
	p.get("/consumers/oauth2/v2.0/token").refuses(t, 400, "invalid_request", 900561, "GET")
	if n := p.Ledger().Refused[900144]; n != 5 {
		t.Errorf("900144 was counted %d times", n)
	}
}

func TestCorrelation(t *testing.T) {
	p := start(t, authority.Options{})
	const id = "9f3c1b7e-0d52-4c7b-8a55-0f4c1f7f2b11"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/consumers/oauth2/v2.0/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Client-Request-Id", id)
	if a := p.do(req); a.CorrelationID != id || !strings.Contains(a.Description, id) {
		t.Errorf("%s", a.raw)
	}
}

// Who may approve what: the code stays pending until somebody fits.
func TestApprovals(t *testing.T) {
	p := start(t, registrations())
	tests := map[string]struct {
		tenant, client, scope, account string
		want                           string
	}{
		"work account, personal app":        {"consumers", authority.DeviceApp, command, authority.WorkUser, "AADSTS50034"},
		"personal account, directory":       {authority.Tenant, oneDirectory, "User.Read", authority.PersonalUser, "AADSTS50020"},
		"personal account, organizations":   {"organizations", everybodyApp, command, authority.PersonalUser, "live.com"},
		"personal account, any directory":   {"common", anyDirectory, command, authority.PersonalUser, "AADSTS50020"},
		"account of another directory":      {authority.Tenant, oneDirectory, "User.Read", otherUser, "AADSTS50020"},
		"work scope, personal account":      {"common", everybodyApp, "Device.Read.All", authority.PersonalUser, "AADSTS70011"},
		"scope without the administrator":   {authority.Tenant, oneDirectory, "Device.Read.All", authority.WorkUser, "AADSTS90094"},
		"nobody":                            {"consumers", authority.DeviceApp, command, "nobody@example", "no such account"},
		"personal account, common":          {"common", everybodyApp, command, authority.PersonalUser, ""},
		"work account, common":              {"common", everybodyApp, "Device.Read.All", authority.WorkUser, ""},
		"other directory, organizations":    {"organizations", anyDirectory, "User.Read", otherUser, ""},
		"the personal tenant by its number": {authority.PersonalTenant, authority.DeviceApp, command, strings.ToUpper(authority.PersonalUser), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := p.post(tt.tenant, "devicecode", "client_id", tt.client, "scope", tt.scope)
			err := p.Approve(d.UserCode, tt.account)
			a := p.post(tt.tenant, "token", "client_id", tt.client, "grant_type", "device_code", "device_code", d.DeviceCode)
			if tt.want == "" {
				if err != nil || a.status != http.StatusOK || a.Scope != tt.scope {
					t.Errorf("%v, %d %s", err, a.status, a.raw)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
			a.refuses(t, 400, "authorization_pending", 70016, "pending")
		})
	}
}
