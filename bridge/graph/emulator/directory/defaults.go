package directory

import "fmt"

// The objects that the default devices are related to.
const (
	everyDevice    = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1001"
	windowsDevices = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1002"
	tabletDevices  = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1003"
	videoRooms     = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1004"
	unitBerlin     = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a2001"
	userAdele      = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a3001"
	userBianca     = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a3002"
	userDeniz      = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a3003"
)

// DefaultObjects gives four groups, of which "Tablets" is nested in "Windows devices" and that in "All devices", an
// administrative unit and three users.
func DefaultObjects() []Object {
	group := func(id, name, description string, security bool, memberOf ...string) Object {
		return Object{Type: TypeGroup, MemberOf: memberOf, Members: map[string]any{
			"id": id, "displayName": name, "description": description, "createdDateTime": nil, "groupTypes": []string{},
			"mailEnabled": !security, "mailNickname": "group" + id[len(id)-1:], "securityEnabled": security,
			"mail": nil,
		}}
	}
	user := func(id, name, principal string) Object {
		return Object{Type: TypeUser, Members: map[string]any{
			"id": id, "displayName": name, "mail": principal, "userPrincipalName": principal, "accountEnabled": true,
		}}
	}
	video := group(videoRooms, "Contoso Videos", "Rooms with a screen", false)
	video.Members["mail"] = "videos@contoso.com"
	return []Object{
		group(everyDevice, "All devices", "All devices of the company", true),
		group(windowsDevices, "Windows devices", "What runs Windows", true, everyDevice),
		group(tabletDevices, "Tablets", "Tablets with Windows", true, windowsDevices),
		video,
		{Type: TypeAdministrativeUnit, Members: map[string]any{"id": unitBerlin, "displayName": "Berlin", "description": "The Berlin office"}},
		user(userAdele, "Adele Vance", "adele@contoso.com"),
		user(userBianca, "Bianca Pisani", "bianca@contoso.com"),
		user(userDeniz, "Deniz Çelik", "deniz@contoso.com"),
	}
}

// DefaultDevices gives a dozen devices: several systems, owners and groups; one is disabled, one never signed in, one
// has a name with a quote and one a member that the documents do not know. The first is the one of Graph's page "Get
// device".
func DefaultDevices() []Entry {
	device := func(n int, name, system, version string, more Device) Device {
		d := Device{
			"id": fmt.Sprintf("5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e%02d", n), "deviceId": fmt.Sprintf("9a1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c%02d", n),
			"displayName": name, "operatingSystem": system, "operatingSystemVersion": version,
			"accountEnabled": true, "profileType": "RegisteredDevice", "trustType": "AzureAd",
			"registrationDateTime":          fmt.Sprintf("2025-%02d-01T08:00:00Z", n),
			"approximateLastSignInDateTime": fmt.Sprintf("2026-%02d-15T12:00:00Z", n),
			"alternativeSecurityIds":        []map[string]any{{"type": 2, "identityProvider": nil, "key": fmt.Sprintf("a2V5%02d", n)}},
			"physicalIds":                   []string{fmt.Sprintf("[HWID]:h:%02d", n)},
		}
		for k, v := range more {
			d[k] = v
		}
		return d
	}
	return []Entry{
		{Device: device(1, "DESKTOP-858MANH", "Windows", "10.0.19043.1165", Device{
			"id": "000005c3-b7a6-4c61-89fc-80bf5ccfc366", "deviceId": "6fa60d52-01e7-4b18-8055-4759461fc16b",
			"accountEnabled": false, "manufacturer": "Contoso", "model": "Tower 5",
		}), MemberOf: []string{windowsDevices, unitBerlin}, Owners: []string{userAdele}, Users: []string{userAdele}},
		{Device: device(2, "JimSurface", "Windows", "10.0.22631.3447", Device{
			"manufacturer": "Microsoft Corporation", "model": "Surface Book", "isCompliant": true, "isManaged": true, "managementType": "mdm",
			"deviceOwnership": "company", "extensionAttributes": map[string]any{"extensionAttribute1": "BYOD-Device"},
		}), MemberOf: []string{tabletDevices}, Owners: []string{userAdele}, Users: []string{userAdele, userBianca}},
		{Device: device(3, "Bianca's iPhone", "IOS", "18.1", Device{
			"manufacturer": "Apple", "model": "iPhone 15", "trustType": "Workplace", "deviceOwnership": "personal", "isRooted": false,
			"isCompliant": false, "mdmAppId": "0000000a-0000-0000-c000-000000000000",
		}), MemberOf: []string{everyDevice}, Owners: []string{userBianca}, Users: []string{userBianca}},
		{Device: device(4, "Pixel of Deniz", "AndroidForWork", "15", Device{
			"manufacturer": "Google", "model": "Pixel 9", "trustType": "Workplace", "deviceOwnership": "personal",
		}), Owners: []string{userDeniz}, Users: []string{userDeniz}},
		{Device: device(5, "MacBook Air", "MacMDM", "14.6.1", Device{"manufacturer": "Apple", "model": "MacBook Air", "isManaged": true}), MemberOf: []string{everyDevice}},
		{Device: device(6, "Build server", "linux", "24.04", Device{"approximateLastSignInDateTime": nil, "physicalIds": []string{}}), MemberOf: []string{unitBerlin}},
		{Device: device(7, "Hall screen 1", "Windows", "10.0.26100.1742", Device{"profileType": "Shared", "systemLabels": []string{"Kiosk"}}), MemberOf: []string{videoRooms, windowsDevices}},
		{Device: device(8, "Hall screen 2", "Windows", "10.0.26100.1742", Device{"profileType": "Shared", "systemLabels": []string{"Kiosk"}}), MemberOf: []string{videoRooms, windowsDevices}},
		{Device: device(9, "PRINTER-3", "Windows", "10.0.14393.0", Device{"profileType": "Printer"})},
		{Device: device(10, "Joined from the domain", "Windows", "10.0.19045.4291", Device{
			"trustType": "ServerAd", "onPremisesSyncEnabled": true, "onPremisesLastSyncDateTime": "2026-10-01T06:00:00Z",
			"onPremisesSecurityIdentifier": "S-1-5-21-1004336348-1177238915-682003330-1001",
		}), MemberOf: []string{windowsDevices}},
		{Device: device(11, "Sensor gateway", "IoT", "1", Device{"profileType": "IoT", "extension_room": "4.11", "deviceVersion": 2})},
		{Device: device(12, "SecureVM west", "Windows", "10.0.20348.2402", Device{"profileType": "SecureVM", "alternativeNames": []string{"vm-west"}, "hostnames": []string{"vm-west.contoso.com"}})},
	}
}
