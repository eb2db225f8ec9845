package bus

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
)

// A .blk file of the NATS server is one record after the other: 4 bytes of length,
// whose highest bit tells of headers, 8 of sequence, 8 of time, 2 of subject length,
// the subject, with headers 4 bytes of their length and themselves, the body, and 8
// bytes of checksum.
const (
	recordHead     = 22
	recordChecksum = 8
	recordMost     = 32 << 20

	headersBit   = uint32(1) << 31
	erasedBit    = uint64(1) << 63 // of a sequence: nothing is left but the place
	tombstoneBit = uint64(1) << 62 // of a sequence: the message was deleted
)

// errNotRead says that a file is not what is known of such files: damaged,
// compressed or of another version of the server.
var errNotRead = errors.New("not read")

// blocks gives where the embedded server keeps the files of a stream.
func (s *Server) blocks(stream string) string { return blocksIn(s.o.Dir, stream) }

// blocksIn returns where those files are under the server's directory.
func blocksIn(dir, stream string) string { return filepath.Join(streamIn(dir, stream), "msgs") }

// streamIn returns where a server with that directory keeps a stream.
func streamIn(dir, stream string) string {
	return filepath.Join(dir, "jetstream", bridgeAccount, "streams", stream)
}

// record is one message of a file; its bytes are good until the next.
type record struct {
	sequence      uint64
	stored        int64 // when, in nanoseconds since 1970
	deleted       bool  // it tells that the message with its sequence was deleted
	subject, body []byte
}

// eachBlock calls read for every .blk file of a stream, in their order.
func eachBlock(dir string, read func(name string, index uint64) error) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.blk"))
	if err != nil {
		return err
	}
	files := map[uint64]string{}
	for _, name := range names {
		index, is := blockIndex(name)
		if !is {
			return fmt.Errorf("%s: %w", name, errNotRead)
		}
		files[index] = name
	}
	for _, index := range slices.Sorted(maps.Keys(files)) {
		if err := read(files[index], index); err != nil {
			return err
		}
	}
	return nil
}

// blockIndex returns the number of a .blk file, and whether it is one.
func blockIndex(name string) (uint64, bool) {
	number, is := strings.CutSuffix(filepath.Base(name), ".blk")
	index, err := strconv.ParseUint(number, 10, 32)
	return index, is && err == nil
}

// readBlock calls see for every message of a file that is there. It takes no more
// memory than the largest message.
func readBlock(name, stream string, index uint64, see func(record)) error {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, index))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	r := blockReader{from: bufio.NewReaderSize(file, 256<<10), sum: sum}
	for {
		found, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if found.sequence != 0 {
			see(found)
		}
	}
}

// blockReader reads the records of one file.
type blockReader struct {
	from *bufio.Reader
	sum  hash.Hash64
	head [recordHead]byte
	rest []byte
	want [recordChecksum]byte
}

// next gives one record, with sequence 0 if nothing is left of it but its place;
// io.EOF after the last.
func (r *blockReader) next() (record, error) {
	if _, err := io.ReadFull(r.from, r.head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errNotRead
		}
		return record{}, err
	}
	length := binary.LittleEndian.Uint32(r.head[:])
	subject := int(binary.LittleEndian.Uint16(r.head[20:]))
	begin := subject // of what the checksum takes in after the subject
	if length&headersBit != 0 {
		begin += 4
	}
	size := int(length&^headersBit) - recordHead
	if size > recordMost || begin > size-recordChecksum {
		return record{}, errNotRead
	}
	r.rest = slices.Grow(r.rest[:0], size)[:size]
	if _, err := io.ReadFull(r.from, r.rest); err != nil {
		return record{}, errNotRead
	}
	end := size - recordChecksum
	r.sum.Reset()
	for _, piece := range [][]byte{r.head[4:20], r.rest[:subject], r.rest[begin:end]} {
		_, _ = r.sum.Write(piece) // never fails
	}
	if !bytes.Equal(r.sum.Sum(r.want[:0]), r.rest[end:]) {
		return record{}, errNotRead
	}
	body := begin
	if begin > subject {
		// Where headers end is the one thing that the checksum leaves out.
		if body += int(binary.LittleEndian.Uint32(r.rest[subject:])); body > end {
			return record{}, errNotRead
		}
	}
	found := record{
		sequence: binary.LittleEndian.Uint64(r.head[4:]),
		stored:   int64(binary.LittleEndian.Uint64(r.head[12:])), //nolint:gosec // as the server wrote it
		subject:  r.rest[:subject], body: r.rest[body:end],
	}
	switch {
	case found.sequence&tombstoneBit != 0:
		found.sequence, found.deleted = found.sequence&^tombstoneBit, true
	case found.sequence&erasedBit != 0:
		found.sequence = 0
	}
	return found, nil
}
