package events

// The types without their methods, for encoding/json.
type (
	plainDirectoryDevice       DirectoryDevice
	plainDirectoryObject       DirectoryObject
	plainExtension             Extension
	plainAlternativeSecurityID AlternativeSecurityID
	plainExtensionAttributes   ExtensionAttributes
)

// UnmarshalJSON does what Command.UnmarshalJSON does, and takes members of any type.
func (d *DirectoryDevice) UnmarshalJSON(data []byte) error {
	known, unknown, err := decodeOdd[plainDirectoryDevice](data)
	if err != nil {
		return err
	}
	*d, d.unknown = DirectoryDevice(known), unknown
	return nil
}

// MarshalJSON does what Command.MarshalJSON does.
func (d DirectoryDevice) MarshalJSON() ([]byte, error) {
	return encodeOpen(plainDirectoryDevice(d), d.unknown)
}

// UnmarshalJSON does what Command.UnmarshalJSON does, and takes members of any type.
func (o *DirectoryObject) UnmarshalJSON(data []byte) error {
	known, unknown, err := decodeOdd[plainDirectoryObject](data)
	if err != nil {
		return err
	}
	*o, o.unknown = DirectoryObject(known), unknown
	return nil
}

// MarshalJSON does what Command.MarshalJSON does.
func (o DirectoryObject) MarshalJSON() ([]byte, error) {
	return encodeOpen(plainDirectoryObject(o), o.unknown)
}

// UnmarshalJSON does what Command.UnmarshalJSON does, and takes members of any type.
func (e *Extension) UnmarshalJSON(data []byte) error {
	known, unknown, err := decodeOdd[plainExtension](data)
	if err != nil {
		return err
	}
	*e, e.unknown = Extension(known), unknown
	return nil
}

// MarshalJSON does what Command.MarshalJSON does.
func (e Extension) MarshalJSON() ([]byte, error) { return encodeOpen(plainExtension(e), e.unknown) }

// UnmarshalJSON does what Command.UnmarshalJSON does, and takes members of any type.
func (a *AlternativeSecurityID) UnmarshalJSON(data []byte) error {
	known, unknown, err := decodeOdd[plainAlternativeSecurityID](data)
	if err != nil {
		return err
	}
	*a, a.unknown = AlternativeSecurityID(known), unknown
	return nil
}

// MarshalJSON does what Command.MarshalJSON does.
func (a AlternativeSecurityID) MarshalJSON() ([]byte, error) {
	return encodeOpen(plainAlternativeSecurityID(a), a.unknown)
}

// UnmarshalJSON does what Command.UnmarshalJSON does, and takes members of any type.
func (e *ExtensionAttributes) UnmarshalJSON(data []byte) error {
	known, unknown, err := decodeOdd[plainExtensionAttributes](data)
	if err != nil {
		return err
	}
	*e, e.unknown = ExtensionAttributes(known), unknown
	return nil
}

// MarshalJSON does what Command.MarshalJSON does.
func (e ExtensionAttributes) MarshalJSON() ([]byte, error) {
	return encodeOpen(plainExtensionAttributes(e), e.unknown)
}
