// Package lossy is a file system in memory that forgets at a power cut what was
// not synced, and whose syncs can fail. It is for tests of what is kept on a disk.
//
// Every file is there twice: as programs see it (the page cache), and as the disk
// has it. Its rules are those of ext4 and XFS, where these leave room the harsher
// ones:
//
//   - A write is in the cache only, in pages of 4 KiB that are dirty until they are
//     on the disk. A sync writes the dirty pages of its file, and what was done to
//     directories, to names and to sizes until then, whatever the file: these are in a
//     journal, in their order.
//   - A sync that fails (Fail) has written nothing, and its pages are clean from then
//     on: programs see what they wrote, later syncs succeed and leave these pages out,
//     so that the disk has zeros or older content in their place.
//   - A power cut (Cut) keeps of what was not synced what chance says: a beginning of
//     the journal; of the dirty pages of a file some, or a beginning of them, each
//     whole or only its first sectors of 512 bytes. Then everything is as the disk has
//     it.
//
// Reads and writes can fail as well, and those change nothing.
//
// Chance depends on the seed alone, but on what is dirty at the moment of a cut too.
package lossy
