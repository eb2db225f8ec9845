package lossy

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	pageSize   = 4 << 10
	sectorSize = 512
)

// Disk is the content of the file system. It outlives every mount of it, and is safe
// for concurrent use.
type Disk struct {
	mu      sync.Mutex
	rng     *rand.Rand
	root    *node
	nodes   map[uint64]*node
	last    uint64   // the highest number of a node
	journal []func() // what was done to names and sizes and is not on the disk yet
	fault   Fault
	figures Figures
}

// Fault is what fails, each with an error of its own; 0: nothing.
type Fault struct {
	// Sync of a file or a directory that has something to write.
	Sync syscall.Errno
	// Write of a file, of a name or of a size.
	Write syscall.Errno
	// Read of a file.
	Read syscall.Errno
}

// Figures count what happened to a disk.
type Figures struct {
	// Syncs that succeeded, and what Failed of all kinds.
	Syncs, Failed int
	// Dropped pages became clean by a failed sync. Lost and Torn pages were dirty when
	// the power was cut.
	Dropped, Lost, Torn int
}

// node is a file or a directory.
type node struct {
	number   uint64
	mode     uint32
	modified time.Time
	links    uint32

	// Of a directory: the names in it as programs see them, and as the disk has them.
	seen, kept map[string]*node

	// Of a file: the content as programs see it, and as the disk has it; the numbers of
	// the pages of data that are to be written; and how many syncs failed.
	data, disk []byte
	dirty      map[int]bool
	failures   int
}

func (n *node) isDir() bool { return n.mode&syscall.S_IFDIR != 0 }

// New returns an empty disk whose chance is decided by seed.
func New(seed uint64) *Disk {
	d := &Disk{rng: rand.New(rand.NewPCG(seed, seed)), nodes: map[uint64]*node{}} //nolint:gosec // chance of a test
	d.root = d.makeNode(syscall.S_IFDIR | 0o755)
	return d
}

// makeNode returns a node that no directory has yet. mode has its type.
func (d *Disk) makeNode(mode uint32) *node {
	d.last++
	n := &node{number: d.last, mode: mode, modified: time.Now(), links: 1}
	if n.isDir() {
		n.seen, n.kept = map[string]*node{}, map[string]*node{}
	} else {
		n.dirty = map[int]bool{}
	}
	d.nodes[n.number] = n
	return n
}

// Fail has the disk fail from now on, or, with the zero value, work again.
func (d *Disk) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// failed counts what an error is returned for.
func (d *Disk) failed(err syscall.Errno) syscall.Errno {
	if err != 0 {
		d.figures.Failed++
	}
	return err
}

// Figures returns what has happened so far.
func (d *Disk) Figures() Figures {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.figures
}

// enter puts n into a directory under a name; n == nil takes the name away.
func (d *Disk) enter(dir *node, name string, n *node) {
	set := func(names map[string]*node) {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
	set(dir.seen)
	dir.modified = time.Now()
	d.journal = append(d.journal, func() { set(dir.kept) })
}

// rename gives a node another name, which may be another node's until then. It is one
// entry of the journal: whole or not at all.
func (d *Disk) rename(from, to *node, oldName, newName string) syscall.Errno {
	n, old := from.seen[oldName], to.seen[newName]
	switch {
	case n == nil:
		return syscall.ENOENT
	case n == old:
		return 0
	case old != nil && len(old.seen) > 0:
		return syscall.ENOTEMPTY
	case old != nil:
		old.links--
	}
	before := len(d.journal)
	d.enter(to, newName, n)
	d.enter(from, oldName, nil)
	both := slices.Clone(d.journal[before:])
	d.journal = append(d.journal[:before], func() { both[0](); both[1]() })
	return 0
}

// write changes the content of a file as programs see it.
func (d *Disk) write(n *node, at int, data []byte) {
	if end := at + len(data); end > len(n.data) {
		n.data = append(n.data, make([]byte, end-len(n.data))...)
	}
	copy(n.data[at:], data)
	for page := at / pageSize; page*pageSize < at+len(data); page++ {
		n.dirty[page] = true
	}
	n.modified = time.Now()
}

// resize sets the size of a file.
func (d *Disk) resize(n *node, size int) {
	n.data = resized(n.data, size)
	maps.DeleteFunc(n.dirty, func(page int, _ bool) bool { return page*pageSize >= size })
	n.modified = time.Now()
	d.journal = append(d.journal, func() { n.disk = resized(n.disk, size) })
}

// resized returns content of another size; what is new is zeros.
func resized(data []byte, size int) []byte {
	if size <= len(data) {
		return slices.Clone(data[:size])
	}
	return append(data, make([]byte, size-len(data))...)
}

// sync brings a node to the disk. failures is how many failed syncs of the node its
// caller knows of; one that it does not know of is reported once. It returns how many
// there were, and what failed.
func (d *Disk) sync(n *node, failures int) (int, syscall.Errno) {
	if d.fault.Sync != 0 && len(d.journal)+len(n.dirty) > 0 {
		d.figures.Dropped += len(n.dirty)
		clear(n.dirty)
		n.failures++
		return n.failures, d.failed(d.fault.Sync)
	}
	d.commit(len(d.journal))
	for page := range n.dirty {
		n.put(page, pageSize)
	}
	clear(n.dirty)
	if failures != n.failures {
		return n.failures, d.failed(syscall.EIO)
	}
	d.figures.Syncs++
	return n.failures, 0
}

// commit brings the first entries of the journal to the disk.
func (d *Disk) commit(entries int) {
	for _, do := range d.journal[:entries] {
		do()
	}
	d.journal = slices.Clone(d.journal[entries:])
}

// put brings the first bytes of a page to the disk.
func (n *node) put(page, bytes int) {
	from := page * pageSize
	to := min(from+bytes, len(n.data))
	if to > len(n.disk) {
		n.disk = resized(n.disk, to)
	}
	copy(n.disk[from:to], n.data[from:to])
}

// Cut cuts the power. The disk must not be mounted.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commit(d.rng.IntN(len(d.journal) + 1))
	d.journal = nil
	for _, n := range slices.SortedFunc(maps.Values(d.nodes), func(a, b *node) int { return cmp.Compare(a.number, b.number) }) {
		d.tear(n)
		n.seen, n.data, n.failures = maps.Clone(n.kept), slices.Clone(n.disk), 0
		clear(n.dirty)
	}
	d.nodes = map[uint64]*node{}
	d.find(d.root)
}

// tear lets some of the dirty pages of a file reach the disk.
func (d *Disk) tear(n *node) {
	pages := slices.Sorted(maps.Keys(n.dirty))
	first := d.rng.IntN(len(pages) + 1)
	inOrder := d.rng.IntN(2) == 0
	for i, page := range pages {
		whole := i < first
		if !inOrder {
			whole = d.rng.IntN(2) == 0
		}
		switch {
		case whole:
			n.put(page, pageSize)
		case d.rng.IntN(4) == 0:
			n.put(page, sectorSize*d.rng.IntN(pageSize/sectorSize))
			d.figures.Torn++
		default:
			d.figures.Lost++
		}
	}
}

// find notes the nodes below one, which are those that there still are.
func (d *Disk) find(n *node) {
	d.nodes[n.number] = n
	for _, child := range n.seen {
		d.find(child)
	}
}
