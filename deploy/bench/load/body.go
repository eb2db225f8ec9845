package load

import "strconv"

// Statuses are what Graph says of one command, in this order; each becomes an
// event.
func Statuses() []string { return []string{"requesting", "sentToTarget", "executing", "completed"} }

// Command is one to post about.
type Command struct {
	// Path is the callback URL without scheme and host.
	Path string
	// Number makes Graph's id of it.
	Number uint64
}

const (
	// Graph's ids are 80 hexadecimal digits that begin alike.
	bodyStart = `{"id":"0158355AD4D680CC4E2994CC009EFFD756015AE6FC077381C2E5211EE5F57B31`
	bodyEnd   = `","type":"AppService","appServiceName":"com.contoso.device.control","packageFamilyName":"Contoso.DeviceControl_8wekyb3d8bbwe",` +
		`"permissionTicket":null,"error":null,"postBackUri":null,"payload":{"Type":"Toast","Title":"The order is ready",` +
		`"Subtitle":"Order 4711 waits at the counter","CreationDate":"11/22/2026","Sound":"ms-winsoundevent:Notification.Default",` +
		`"Launch":"https://contoso.example/orders/4711?from=toast","Tag":"order-4711","Group":"orders"}}`
)

// AppendBody appends a postback in the shape of a Graph command, about 570 bytes.
func AppendBody(to []byte, number uint64, status string) []byte {
	to = append(to, bodyStart...)
	const digits = "0123456789ABCDEF"
	for shift := 60; shift >= 0; shift -= 4 {
		to = append(to, digits[number>>shift&15])
	}
	to = append(to, `","status":"`...)
	to = append(to, status...)
	return append(to, bodyEnd...)
}

// bodyLength is the length of that body.
func bodyLength(status string) int {
	return len(bodyStart) + 16 + len(`","status":"`) + len(status) + len(bodyEnd)
}

// appendRequest appends the postback with its HTTP head.
func appendRequest(to []byte, c Command, status string) []byte {
	to = append(to, "POST "...)
	to = append(to, c.Path...)
	to = append(to, " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nContent-Type: application/json\r\nContent-Length: "...)
	to = strconv.AppendInt(to, int64(bodyLength(status)), 10)
	to = append(to, "\r\n\r\n"...)
	return AppendBody(to, c.Number, status)
}
