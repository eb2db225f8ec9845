package authority

import (
	"errors"
	"net/http"
	"time"
)

type codeJSON struct {
	UserCode string    `json:"userCode"`
	Client   string    `json:"client"`
	App      string    `json:"app"`
	Scopes   []string  `json:"scopes"`
	Expires  time.Time `json:"expires"`
}

func (c control) codes(w http.ResponseWriter, _ *http.Request) {
	pending := c.a.Pending()
	value := make([]codeJSON, len(pending))
	for i, p := range pending {
		value[i] = codeJSON(p)
	}
	controlAnswer(w, map[string]any{"value": value}, nil)
}

func (c control) approve(w http.ResponseWriter, r *http.Request) {
	account, err := namedAccount(w, r)
	if err == nil {
		err = c.a.Approve(r.PathValue("code"), account)
	}
	controlAnswer(w, nil, err)
}

// namedAccount reads {"account"}, which has to be there.
func namedAccount(w http.ResponseWriter, r *http.Request) (string, error) {
	var body struct {
		Account string `json:"account"`
	}
	err := controlBody(w, r, &body)
	if err == nil && body.Account == "" {
		err = errors.New(`the request body needs the member "account": the user name, such as ` + PersonalUser)
	}
	return body.Account, err
}

func (c control) decline(w http.ResponseWriter, r *http.Request) {
	var body struct{}
	err := controlBody(w, r, &body)
	if err == nil {
		err = c.a.Decline(r.PathValue("code"))
	}
	controlAnswer(w, nil, err)
}

func (c control) revoke(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Account      string `json:"account"`
		RefreshToken string `json:"refreshToken"`
		AccessTokens bool   `json:"accessTokens"`
	}
	if err := controlBody(w, r, &body); err != nil {
		controlAnswer(w, nil, err)
		return
	}
	n, err := c.a.Revoke(Revocation(body))
	controlAnswer(w, map[string]int{"revoked": n}, err)
}

func (c control) interaction(w http.ResponseWriter, r *http.Request) {
	account, err := namedAccount(w, r)
	if err == nil {
		err = c.a.RequireInteraction(account)
	}
	controlAnswer(w, nil, err)
}

func (c control) tokenLife(w http.ResponseWriter, r *http.Request) {
	var body struct {
		TokenLife duration `json:"tokenLife"`
	}
	err := controlBody(w, r, &body)
	if err == nil {
		err = c.a.SetTokenLife(time.Duration(body.TokenLife))
	}
	controlAnswer(w, nil, err)
}

type faultsJSON struct {
	Delay      duration `json:"delay"`
	Status     int      `json:"status"`
	RetryAfter duration `json:"retryAfter"`
	Times      int      `json:"times"`
}

func (c control) faults(w http.ResponseWriter, _ *http.Request) {
	c.a.mu.Lock()
	f := c.a.faults
	c.a.mu.Unlock()
	controlAnswer(w, faultsJSON{duration(f.Delay), f.Status, duration(f.RetryAfter), f.Times}, nil)
}

func (c control) setFaults(w http.ResponseWriter, r *http.Request) {
	var body faultsJSON
	err := controlBody(w, r, &body)
	if err == nil {
		err = c.a.SetFaults(Faults{time.Duration(body.Delay), body.Status, time.Duration(body.RetryAfter), body.Times})
	}
	controlAnswer(w, nil, err)
}

type ledgerJSON struct {
	DeviceCodes  int         `json:"deviceCodes"`
	Polls        int         `json:"polls"`
	DeviceGrants int         `json:"deviceGrants"`
	CodeGrants   int         `json:"codeGrants"`
	Refreshes    int         `json:"refreshes"`
	ClientGrants int         `json:"clientGrants"`
	Refused      map[int]int `json:"refused"`
}

func (c control) ledger(w http.ResponseWriter, _ *http.Request) {
	controlAnswer(w, ledgerJSON(c.a.Ledger()), nil)
}

func (c control) assertion(w http.ResponseWriter, r *http.Request) {
	token, err := c.a.Assertion(r.URL.Query().Get("client"))
	controlAnswer(w, map[string]string{"assertion": token}, err)
}
