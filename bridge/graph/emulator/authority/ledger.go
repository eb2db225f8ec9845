package authority

import "maps"

// Ledger counts what was asked and granted.
type Ledger struct {
	// DeviceCodes is how many device codes were handed out, Polls how many requests found theirs undecided.
	DeviceCodes, Polls int
	// DeviceGrants, CodeGrants, Refreshes and ClientGrants are the answers with tokens, by grant.
	DeviceGrants, CodeGrants, Refreshes, ClientGrants int
	// Refused counts the refusals by their AADSTS number, polls among them.
	Refused map[int]int
}

// Ledger gives a copy of the counts so far.
func (a *Authority) Ledger() Ledger {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.ledger
	l.Refused = maps.Clone(l.Refused)
	return l
}

func (a *Authority) count(f func(*Ledger)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.ledger)
}
