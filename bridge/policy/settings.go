package policy

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"devicebridge/events"
)

// Member is one setting, by its name in the policy file.
type Member string

// The settings. Each is a list of words, but for the two rates, which are one.
const (
	// URISchemes are the schemes that a launchUri command may open.
	URISchemes Member = "uriSchemes"
	// URIHosts are the hosts that its URI may have: names, addresses, or "*.name" for
	// what is below a name, or "*". A "*" stands for no internationalised name.
	URIHosts Member = "uriHosts"
	// AppServices are the app services that may be called, as
	// <package family name>/<app service name>; "*" stands for any characters.
	AppServices Member = "appServices"
	// Devices are the ids of the devices that may be commanded; "*" as before.
	Devices Member = "devices"
	// SendRate is how many commands may be sent in a time, such as 10/s or 600/h.
	SendRate Member = "sendRate"
	// DeviceSendRate is the same for each device.
	DeviceSendRate Member = "deviceSendRate"
)

// Members gives all settings.
func Members() []Member {
	return []Member{URISchemes, URIHosts, AppServices, Devices, SendRate, DeviceSendRate}
}

// Variable gives the setting's name in the environment: BRIDGE_URI_SCHEMES.
func (m Member) Variable() string {
	return map[Member]string{
		URISchemes: "BRIDGE_URI_SCHEMES", URIHosts: "BRIDGE_URI_HOSTS", AppServices: "BRIDGE_APP_SERVICES", Devices: "BRIDGE_DEVICES",
		SendRate: "BRIDGE_SEND_RATE", DeviceSendRate: "BRIDGE_DEVICE_SEND_RATE",
	}[m]
}

// rate says whether the setting is one rate, not a list.
func (m Member) rate() bool { return m == SendRate || m == DeviceSendRate }

// Setting is the value of a member and where it was set, in words for refusals.
type Setting struct {
	Words  []string
	Source string
}

// Settings are what an operator has set. A member that is not in it allows any,
// but for URISchemes, which then is https and http; an empty list allows none.
type Settings map[Member]Setting

// Set reads a member from an environment variable: words with commas between
// them. An empty text leaves the member unset. The error does not name the
// variable.
func (s Settings) Set(m Member, text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	words := []string{strings.TrimSpace(text)}
	if !m.rate() {
		words = strings.Split(text, ",")
	}
	var faults []error
	for i, word := range words {
		words[i] = strings.TrimSpace(word)
		faults = append(faults, checkWord(m, words[i]))
	}
	s[m] = Setting{words, m.Variable()}
	return errors.Join(faults...)
}

// Over gives what holds when s was set on top of base: each member is the one of
// s, or that of base where s has none.
func (s Settings) Over(base Settings) Settings {
	all := maps.Clone(base)
	if all == nil {
		all = Settings{}
	}
	maps.Copy(all, s)
	return all
}

// source gives where a member was, or could be, set.
func (s Settings) source(m Member) string {
	if setting, ok := s[m]; ok {
		return setting.Source
	}
	return m.Variable()
}

// checkWord says what is wrong with one word of a member.
func checkWord(m Member, word string) error {
	if word == "" {
		return errors.New("has an empty word")
	}
	switch m {
	case URISchemes:
		return checkScheme(word)
	case URIHosts:
		return checkHostPattern(word)
	case AppServices:
		if packages, service, ok := strings.Cut(word, "/"); !ok || packages == "" || service == "" {
			return fmt.Errorf("%q is not <package family name>/<app service name>, such as Example.App_8wekyb3d8bbwe/com.example.*", word)
		} else if !events.PlainName(packages) || !events.PlainName(service) {
			return fmt.Errorf("%q matches nothing: each of the two names %s", word, events.NameWords())
		}
	case SendRate, DeviceSendRate:
		_, err := parseRate(word)
		return err
	case Devices:
		if !events.PlainName(word) {
			return fmt.Errorf("%q matches no device: an id %s", word, events.NameWords())
		}
	}
	return nil
}
