package graph

// The operations on the directory, as those of the device command API.
const (
	opListDirectory   = "list directory devices"
	opGetDirectory    = "get directory device"
	opCountDirectory  = "count directory devices"
	opDeltaDirectory  = "directory devices delta"
	opCreateDirectory = "create directory device"
	opUpdateDirectory = "update directory device"
	opDeleteDirectory = "delete directory device"
	opListRelated     = "list related objects"
	opAddReference    = "add reference"
	opRemoveReference = "remove reference"
	opCheckMembers    = "check member objects"
	opGetMembers      = "get member objects"
)

// DirectoryOperations lists what an Exchange of a Directory may name.
func DirectoryOperations() []string {
	return []string{
		opListDirectory, opGetDirectory, opCountDirectory, opDeltaDirectory, opCreateDirectory, opUpdateDirectory, opDeleteDirectory,
		opListRelated, opAddReference, opRemoveReference, opCheckMembers, opGetMembers,
	}
}
